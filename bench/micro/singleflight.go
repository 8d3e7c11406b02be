// The same as core.c, with Go's golang.org/x/sync/singleflight: "NAME VALUE", one a line.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sync/singleflight"
)

const (
	cohort    = 1000
	cohorts   = 200
	contended = 500000
)

func nothing() (interface{}, error) { return nil, nil }

// What this process has used of CPUs.
func cpu() int64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return used.Utime.Nano() + used.Stime.Nano()
}

func uncontended() {
	var spent int64
	result := testing.Benchmark(func(b *testing.B) {
		var group singleflight.Group
		b.ReportAllocs()
		start := cpu()
		for i := 0; i < b.N; i++ {
			group.Do("a key of some length", nothing)
		}
		spent = cpu() - start
	})
	fmt.Printf("go.run_ns %.1f\n", float64(spent)/float64(result.N))
	fmt.Printf("go.run_allocations %d\n", result.AllocsPerOp())
	fmt.Printf("go.run_bytes %d\n", result.AllocedBytesPerOp())
}

// A thousand goroutines join one run, which ends when all of them wait.
func joined() {
	var group singleflight.Group
	start := cpu()
	for i := 0; i < cohorts; i++ {
		var all sync.WaitGroup
		var came int32
		gate := make(chan struct{})
		all.Add(cohort)
		for j := 0; j < cohort; j++ {
			go func() {
				atomic.AddInt32(&came, 1)
				group.Do("a key of some length", func() (interface{}, error) {
					<-gate
					return nil, nil
				})
				all.Done()
			}()
		}
		for atomic.LoadInt32(&came) < cohort {
			runtime.Gosched()
		}
		close(gate)
		all.Wait()
	}
	fmt.Printf("go.waiter_ns %.1f\n", float64(cpu()-start)/(cohort*cohorts))
}

func twoThreads() {
	var group singleflight.Group
	var all sync.WaitGroup
	var shared int64
	runtime.GOMAXPROCS(2)
	all.Add(2)
	start := cpu()
	for i := 0; i < 2; i++ {
		go func() {
			for j := 0; j < contended; j++ {
				if _, _, joined := group.Do("hot", nothing); joined {
					atomic.AddInt64(&shared, 1)
				}
			}
			all.Done()
		}()
	}
	all.Wait()
	fmt.Printf("go.contended_ns %.1f\n", float64(cpu()-start)/(2*contended))
}

func main() {
	uncontended()
	joined()
	twoThreads()
}

#include "fault.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
#define DU_FAULT(constant, name, what) [DU_FAULT_##constant] = name,
#include "fault.def"
#undef DU_FAULT
};

void du_faults_init(struct du_faults *faults) {
    for (int i = 0; i < DU_FAULT_COUNT; i++) {
        atomic_init(&faults->armed[i].number, 0);
        atomic_init(&faults->armed[i].skip, 0);
        atomic_init(&faults->armed[i].times, 0);
    }
}

void du_faults_arm(struct du_faults *faults, enum du_fault fault, int number, int skip, int times) {
    atomic_store(&faults->armed[fault].number, 0);
    atomic_store(&faults->armed[fault].skip, skip);
    atomic_store(&faults->armed[fault].times, times);
    atomic_store(&faults->armed[fault].number, number);
}

void du_faults_disarm(struct du_faults *faults, enum du_fault fault) {
    atomic_store(&faults->armed[fault].number, 0);
}

bool du_faults_find(const char *name, enum du_fault *fault) {
    for (int i = 0; i < DU_FAULT_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *fault = (enum du_fault)i;
            return true;
        }
    }
    return false;
}

const char *du_faults_name(enum du_fault fault) {
    return names[fault];
}

int du_fault(struct du_faults *faults, enum du_fault fault) {
    if (faults == NULL)
        return 0;
    int number = atomic_load_explicit(&faults->armed[fault].number, memory_order_relaxed);
    if (number == 0 || atomic_fetch_sub(&faults->armed[fault].skip, 1) > 0)
        return 0;
    int times = atomic_load(&faults->armed[fault].times);
    if (times > 0 && atomic_fetch_sub(&faults->armed[fault].times, 1) == 1)
        atomic_store(&faults->armed[fault].number, 0);
    return number;
}

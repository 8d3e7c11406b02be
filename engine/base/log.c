#include "log.h"

#include "bytes.h"
#include "clock.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { RING = 1 << 18, LINE_ROOM = 512, PATIENCE_MS = 20 };

struct du_log {
    const struct du_clock *clock;
    atomic_int format, least; /* an enum each; a reload may change them */
    char *path;               /* NULL: standard error */
    int fd;                   /* the writer's alone, once it runs */
    pthread_t writer;
    atomic_uint_fast64_t dropped;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t news;
    du_log_sink *sink;
    void *sink_user;
    bool reopen, ending;
    bool urgent;          /* what the ring holds should be written now */
    uint64_t reported;    /* dropped lines already told */
    uint64_t added, gone; /* bytes ever put in and taken out: the ring holds added - gone */
    char ring[RING];
};

static const char *level_name(enum du_log_level level) {
    switch (level) {
    case DU_LOG_DEBUG:
        return "DEBUG";
    case DU_LOG_INFO:
        return "INFO";
    case DU_LOG_WARN:
        return "WARN";
    case DU_LOG_ERROR:
        return "ERROR";
    }
    return "";
}

/* Printable ASCII. */
static bool is_plain(const char *text) {
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

/* The same, and needs no quotes as a key or a value. */
static bool is_word(const char *text) {
    const char *at = text;
    while (*at > ' ' && *at <= '~' && *at != '"' && *at != '\\' && *at != '=')
        at++;
    return *at == '\0' && at != text;
}

static void add_quoted(struct du_bytes *line, const char *text) {
    du_bytes_json(line, text, strlen(text));
}

static void add_word(struct du_bytes *line, const char *text) {
    if (is_word(text))
        du_bytes_text(line, text);
    else
        add_quoted(line, text);
}

/* As "%.15g" says it; times in thousandths, which each request has, without printf. */
static void add_number(struct du_bytes *line, double number) {
    int64_t whole = number >= 0 && number < 1e9 ? (int64_t)(number * 1000 + 0.5) : -1;
    if (whole < 0 || (double)whole / 1000 != number) {
        du_bytes_format(line, "%.15g", number);
        return;
    }
    char part[] = {'.', (char)('0' + whole / 100 % 10), (char)('0' + whole / 10 % 10),
                   (char)('0' + whole % 10)};
    size_t size = sizeof part;
    while (size > 1 && part[size - 1] == '0')
        size--;
    du_bytes_integer(line, whole / 1000);
    if (size > 1)
        du_bytes_add(line, part, size);
}

static void add_value(struct du_bytes *line, enum du_log_format format,
                      const struct du_log_field *field) {
    switch (field->type) {
    case DU_LOG_STRING:
        (format == DU_LOG_JSON ? add_quoted : add_word)(line, field->as.string);
        break;
    case DU_LOG_INTEGER:
        du_bytes_integer(line, field->as.integer);
        break;
    case DU_LOG_NUMBER: /* JSON knows neither infinity nor NaN */
        if (isfinite(field->as.number))
            add_number(line, field->as.number);
        else
            du_bytes_text(line, "null");
        break;
    case DU_LOG_BOOLEAN:
        du_bytes_text(line, field->as.boolean ? "true" : "false");
        break;
    }
}

static void add_field(struct du_bytes *line, enum du_log_format format,
                      const struct du_log_field *field) {
    if (field->type == DU_LOG_STRING && field->as.string == NULL)
        return;
    du_bytes_text(line, format == DU_LOG_JSON ? "," : " ");
    (format == DU_LOG_JSON ? add_quoted : add_word)(line, field->key);
    du_bytes_text(line, format == DU_LOG_JSON ? ":" : "=");
    add_value(line, format, field);
}

static void add_start(struct du_bytes *line, const struct du_log *log, bool json,
                      enum du_log_level level, const char *message) {
    char time[DU_CLOCK_TEXT];
    du_clock_rfc3339(du_clock_wall_ms(log->clock), time);
    if (json) {
        du_bytes_format(line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time,
                        level_name(level));
        add_quoted(line, message);
        return;
    }
    du_bytes_text(line, time);
    du_bytes_text(line, " ");
    du_bytes_text(line, level_name(level));
    du_bytes_text(line, " ");
    if (is_plain(message))
        du_bytes_text(line, message);
    else
        add_quoted(line, message);
}

/* One whole line with its newline. */
static void compose(struct du_bytes *line, const struct du_log *log, enum du_log_level level,
                    const char *request_id, const char *message, const struct du_log_field *fields,
                    size_t count) {
    enum du_log_format format =
        (enum du_log_format)atomic_load_explicit(&log->format, memory_order_relaxed);
    bool json = format == DU_LOG_JSON;
    du_bytes_reserve(line, LINE_ROOM);
    add_start(line, log, json, level, message);
    add_field(line, format,
              &(struct du_log_field){json ? "request_id" : "request", DU_LOG_STRING,
                                     .as.string = request_id});
    for (size_t i = 0; i < count; i++)
        add_field(line, format, &fields[i]);
    du_bytes_text(line, json ? "}\n" : "\n");
}

/* Returns how many lines could not be written (a full disk, a closed pipe). */
static uint64_t write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            break;
        }
    }
    uint64_t lost = 0;
    for (size_t i = 0; i < size; i++)
        lost += data[i] == '\n';
    return lost;
}

/* A line from the writer itself goes past the ring, which may be full. */
static void write_own(struct du_log *log, enum du_log_level level, const char *message,
                      const struct du_log_field *field) {
    struct du_bytes line;
    du_bytes_init(&line);
    compose(&line, log, level, NULL, message, field, 1);
    if (du_bytes_check(&line) == DU_OK)
        write_all(log->fd, line.data, line.size);
    du_bytes_deinit(&line);
}

static int open_path(const char *path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static void open_again(struct du_log *log) {
    int fd = log->path == NULL ? -1 : open_path(log->path);
    if (fd >= 0) {
        close(log->fd);
        log->fd = fd;
    } else if (log->path != NULL) {
        write_own(log, DU_LOG_ERROR, "the log cannot be opened anew; the old file goes on",
                  &(struct du_log_field){"path", DU_LOG_STRING, .as.string = log->path});
    }
}

static void report_dropped(struct du_log *log, uint64_t dropped) {
    write_own(log, DU_LOG_WARN, "log lines were dropped",
              &(struct du_log_field){"total", DU_LOG_INTEGER, .as.integer = (int64_t)dropped});
}

/* Writes what the ring holds now, to a line's end: what the writer itself tells, and a reopen, come
 * between lines. The lock is let go meanwhile, and callers leave those bytes alone. */
static void write_gathered(struct du_log *log) {
    for (uint64_t end = log->added; log->gone != end;) {
        size_t start = log->gone % RING, size = (size_t)(end - log->gone);
        if (size > RING - start)
            size = RING - start;
        pthread_mutex_unlock(&log->lock);
        uint64_t lost = write_all(log->fd, log->ring + start, size);
        pthread_mutex_lock(&log->lock);
        log->gone += size;
        log->dropped += lost;
    }
}

/* The lock is held. A write for each line would cost a busy server more than the lines do. */
static void gather(struct du_log *log) {
    struct timespec until = du_clock_deadline(PATIENCE_MS);
    int result = 0;
    while (!log->urgent && !log->reopen && !log->ending && result == 0)
        result = pthread_cond_timedwait(&log->news, &log->lock, &until);
    log->urgent = false;
}

static void *write_out(void *argument) {
    struct du_log *log = argument;
    pthread_mutex_lock(&log->lock);
    for (;;) {
        uint64_t dropped = log->dropped;
        if (log->reopen) {
            log->reopen = false;
            pthread_mutex_unlock(&log->lock);
            open_again(log);
            pthread_mutex_lock(&log->lock);
        } else if (dropped != log->reported) {
            log->reported = dropped;
            pthread_mutex_unlock(&log->lock);
            report_dropped(log, dropped);
            pthread_mutex_lock(&log->lock);
        } else if (log->added != log->gone) {
            gather(log);
            if (!log->reopen) /* what came after that is for the new file */
                write_gathered(log);
        } else if (log->ending) {
            break;
        } else {
            pthread_cond_wait(&log->news, &log->lock);
        }
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* Signals are the business of other threads. */
static int start_writer(struct du_log *log) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&log->writer, NULL, write_out, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void discard(struct du_log **log) {
    if ((*log)->path != NULL && (*log)->fd >= 0)
        close((*log)->fd);
    pthread_cond_destroy(&(*log)->news);
    pthread_mutex_destroy(&(*log)->lock);
    du_free((*log)->path);
    du_free(*log);
    *log = NULL;
}

enum du_error_kind du_log_new(struct du_log **log, const struct du_clock *clock,
                              enum du_log_format format, enum du_log_level least, const char *path,
                              struct du_error *error) {
    struct du_log *made = du_calloc(1, sizeof *made);
    *log = NULL;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "out of memory for the log");
    made->clock = clock;
    atomic_init(&made->format, format);
    atomic_init(&made->least, least);
    made->fd = STDERR_FILENO;
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&made->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (path != NULL) {
        made->path = du_strdup(path);
        made->fd = made->path == NULL ? -1 : open_path(path);
        if (made->fd < 0) {
            int number = made->path == NULL ? ENOMEM : errno;
            discard(&made);
            return du_error_errno(error, number, "open the log", path);
        }
    }
    int failed = start_writer(made);
    if (failed != 0) {
        discard(&made);
        return du_error_errno(error, failed, "start the writer of", "the log");
    }
    *log = made;
    return DU_OK;
}

void du_log_free(struct du_log **log) {
    if (*log == NULL)
        return;
    pthread_mutex_lock(&(*log)->lock);
    (*log)->ending = true;
    pthread_cond_signal(&(*log)->news);
    pthread_mutex_unlock(&(*log)->lock);
    pthread_join((*log)->writer, NULL);
    discard(log);
}

void du_log_reopen(struct du_log *log) {
    if (log == NULL)
        return;
    pthread_mutex_lock(&log->lock);
    log->reopen = true;
    pthread_cond_signal(&log->news);
    pthread_mutex_unlock(&log->lock);
}

void du_log_set_sink(struct du_log *log, du_log_sink *sink, void *user) {
    if (log == NULL)
        return;
    pthread_mutex_lock(&log->lock);
    log->sink = sink;
    log->sink_user = user;
    pthread_mutex_unlock(&log->lock);
}

uint64_t du_log_dropped(const struct du_log *log) {
    return log == NULL ? 0 : log->dropped;
}

/* The lock is held. */
static void put(struct du_log *log, enum du_log_level level, const struct du_bytes *line) {
    bool was_empty = log->added == log->gone, was_urgent = log->urgent;
    if (du_bytes_check(line) != DU_OK || line->size > RING - (log->added - log->gone)) {
        log->dropped++;
        log->urgent = true;
    } else {
        size_t start = log->added % RING;
        size_t first = line->size < RING - start ? line->size : RING - start;
        memcpy(log->ring + start, line->data, first);
        memcpy(log->ring, line->data + first, line->size - first);
        log->added += line->size;
    }
    if (level >= DU_LOG_WARN || log->added - log->gone > RING / 2)
        log->urgent = true;
    if (was_empty || log->urgent != was_urgent)
        pthread_cond_signal(&log->news);
}

static bool is_wanted(const struct du_log *log, enum du_log_level level) {
    return (int)level >= atomic_load_explicit(&log->least, memory_order_relaxed);
}

void du_log_set(struct du_log *log, enum du_log_format format, enum du_log_level least) {
    if (log == NULL)
        return;
    atomic_store(&log->format, format);
    atomic_store(&log->least, least);
}

void du_log_write(struct du_log *log, enum du_log_level level, const char *request_id,
                  const char *message, const struct du_log_field *fields, size_t count) {
    if (log == NULL || !is_wanted(log, level))
        return;
    struct du_bytes line;
    du_bytes_init(&line);
    compose(&line, log, level, request_id, message, fields, count);
    pthread_mutex_lock(&log->lock);
    put(log, level, &line);
    du_log_sink *sink = log->sink;
    void *user = log->sink_user;
    pthread_mutex_unlock(&log->lock);
    if (sink != NULL && du_bytes_check(&line) == DU_OK) {
        line.data[--line.size] = '\0';
        sink(user, level, line.data, line.size);
    }
    du_bytes_deinit(&line);
}

void du_log_format(struct du_log *log, enum du_log_level level, const char *format, ...) {
    if (log == NULL || !is_wanted(log, level))
        return;
    struct du_bytes message;
    du_bytes_init(&message);
    va_list arguments;
    va_start(arguments, format);
    du_bytes_vformat(&message, format, arguments);
    va_end(arguments);
    du_log_write(log, level, NULL, du_bytes_check(&message) == DU_OK ? message.data : format, NULL,
                 0);
    du_bytes_deinit(&message);
}

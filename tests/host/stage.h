/* What the host's tests share: a deployment in a folder of its own, and requests to it. */

#ifndef DU_STAGE_H
#define DU_STAGE_H

#include "bytes.h"
#include "call.h"
#include "engine.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

struct stage {
    char folder[DU_SCRATCH_ROOM];
    struct du_engine *engine;
    struct du_findings findings;
    struct du_error error;
};

/* A deployment of `routes` (the body of function(app)), listening where the kernel likes. */
static inline void stage_write(struct stage *stage, const char *settings, const char *routes) {
    struct du_bytes text;
    du_bytes_init(&text);
    du_bytes_format(&text,
                    "local dunite = require 'dunite'\n"
                    "local answer = require 'dunite.answer'\n"
                    "return dunite.deployment {\n"
                    "  listen = { '127.0.0.1:0' }, workers = 2,\n"
                    "  %s\n"
                    "  routes = function(app) %s end,\n"
                    "}\n",
                    settings, routes);
    memset(stage, 0, sizeof *stage);
    assert_int_equal(du_scratch_make(stage->folder, NULL), DU_OK);
    assert_int_equal(
        du_scratch_write(stage->folder, "dunite.lua", text.data, text.size, &stage->error), DU_OK);
    du_bytes_deinit(&text);
}

static inline enum du_error_kind stage_start(struct stage *stage) {
    struct du_engine_options options = {.folder = stage->folder, .quiet = true};
    return du_engine_start(&stage->engine, &options, &stage->findings, &stage->error);
}

static inline void stage_end(struct stage *stage) {
    if (stage->engine != NULL)
        du_engine_stop(&stage->engine);
    du_findings_free(&stage->findings);
    du_scratch_remove(stage->folder);
}

/* What a GET answers, header and all; the caller deinits it. */
static inline struct du_bytes stage_get(struct stage *stage, const char *path) {
    struct du_bytes request, answer;
    du_bytes_init(&request);
    du_bytes_init(&answer);
    du_bytes_format(&request, "GET %s HTTP/1.1\r\nHost: stage\r\nConnection: close\r\n\r\n", path);
    struct du_slice text = {request.data, request.size};
    assert_int_equal(du_call(du_engine_address(stage->engine, 0), text, 20, &answer, &stage->error),
                     DU_OK);
    du_bytes_deinit(&request);
    return answer;
}

#endif

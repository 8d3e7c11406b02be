#include "findings.h"
#include "engine.h"

#include "mem.h"

static void append(char ***list, size_t *count, const char *text) {
    char **grown = du_realloc(*list, (*count + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    *list = grown;
    char *copy = du_strdup(text);
    if (copy != NULL)
        grown[(*count)++] = copy;
}

void du_findings_add(struct du_findings *findings, const char *text) {
    append(&findings->list, &findings->count, text);
}

void du_findings_warn(struct du_findings *findings, const char *text) {
    append(&findings->warnings, &findings->warning_count, text);
}

static void free_list(char **list, size_t count) {
    for (size_t i = 0; i < count; i++)
        du_free(list[i]);
    du_free(list);
}

void du_findings_free(struct du_findings *findings) {
    free_list(findings->list, findings->count);
    free_list(findings->warnings, findings->warning_count);
    *findings = (struct du_findings){0};
}

#include "findings.h"
#include "engine.h"

#include "mem.h"

void du_findings_add(struct du_findings *findings, const char *text) {
    char **grown = du_realloc(findings->list, (findings->count + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    findings->list = grown;
    char *copy = du_strdup(text);
    if (copy != NULL)
        findings->list[findings->count++] = copy;
}

void du_findings_free(struct du_findings *findings) {
    for (size_t i = 0; i < findings->count; i++)
        du_free(findings->list[i]);
    du_free(findings->list);
    findings->list = NULL;
    findings->count = 0;
}

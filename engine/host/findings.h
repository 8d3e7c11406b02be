#ifndef DU_FINDINGS_H
#define DU_FINDINGS_H

#include "engine.h"

/* Appends a copy of one line; short of memory the line is left out. */
void du_findings_add(struct du_findings *findings, const char *text);
void du_findings_warn(struct du_findings *findings, const char *text);

#endif

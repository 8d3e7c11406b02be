#ifndef DU_REPORT_H
#define DU_REPORT_H

/* What the commands share in telling what went wrong, on standard error. */

#include "engine.h"

/* Starts an engine; 0, or 1 after all findings (or the error) were printed. */
int du_report_start(struct du_engine **engine, const struct du_engine_options *options);
/* Prints the findings, or the error when there are none. */
void du_report(const struct du_findings *findings, const struct du_error *error);
/* Prints the warnings. */
void du_report_warnings(const struct du_findings *findings);
/* All of it on standard output, for editors: a list of { file, line, severity, message }. The error
 * (may be NULL) where there are no findings. */
void du_report_json(const struct du_findings *findings, const struct du_error *error);

#endif

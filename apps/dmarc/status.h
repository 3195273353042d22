/* What dmarc status prints of the daemon's object (docs/formats.md). */
#ifndef DMARC_STATUS_H
#define DMARC_STATUS_H

#include "status/figure.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* 0 if it is not there: an older daemon's object. */
int64_t status_figure(const json_t *object, enum figure figure);
/* False: a FIGURE_VALUE that is null, or not there. */
bool status_knows(const json_t *object, enum figure figure);

/* A screen that reads at a glance. */
void status_print(const json_t *object);
/* Prometheus' text format. */
void status_print_metrics(const json_t *object);

#endif

/* Undoing what happened to a message on its way, when that makes the author's
 * signature verify again. It proves what happened and never makes a pass. */
#ifndef DKIM_UNDO_H
#define DKIM_UNDO_H

#include "dkim/form.h"

/* The last line ends that are tried, within the last DKIM_UNDO_BYTES. */
enum { DKIM_UNDO_LINES = 20 };

/* Was text appended to the body that SIGNATURE signed? Tries its canonical form
 * cut after each of the last lines. FORM is finished. */
bool dkim_undo_footer(
    const struct dkim_form *form, const struct dkim_signature *signature);

#endif

/* XML as reports need it: elements with text, two spaces a level. Whatever the
 * texts hold, the result is well-formed UTF-8. */
#ifndef REPORT_XML_H
#define REPORT_XML_H

#include "base/build.h"

struct xml {
	struct build *build;
	unsigned depth;
};

/* NAME is ours and written as it is. */
void xml_open(struct xml *xml, const char *name);
void xml_close(struct xml *xml, const char *name);
void xml_element(struct xml *xml, const char *name, struct text text);
void xml_number(struct xml *xml, const char *name, int64_t number);
/* Nothing for the empty text. */
void xml_optional(struct xml *xml, const char *name, struct text text);

/* TEXT between tags: markup and control characters become references, what
 * XML 1.0 forbids or is not UTF-8 becomes U+FFFD. */
void xml_text(struct build *build, struct text text);

#endif

/* Reports against their schemas, and the mails that carry them, by
 * tests/system/xmlcheck.py. */
#ifndef TESTS_XMLCHECK_H
#define TESTS_XMLCHECK_H

#include "base/text.h"

/* What is missing, xmllint or a schema, is said in a line. */
enum xml_checked { XML_VALID = 0, XML_INVALID = 1, XML_NOT_CHECKED = 77 };

/* XML, or a mail with it. What is wrong is said on standard error, and NAME
 * behind it. Aborts when the checker itself fails. */
enum xml_checked xml_check(const char *name, struct text xml);
/* All .xml files in FOLDER; also what the schemas cannot say of reports about
 * real mail. */
enum xml_checked xml_check_folder(const char *folder);

#endif

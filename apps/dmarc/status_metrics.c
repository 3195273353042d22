#include "status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* dmarcd_build_info, as others name theirs. */
static void
print_info(const json_t *object)
{
	const char *version =
	    json_string_value(json_object_get(object, "version"));

	if (version == NULL || strpbrk(version, "\"\\\n") != NULL)
		version = "";
	(void)printf("# HELP dmarcd_build_info The version that runs.\n"
		     "# TYPE dmarcd_build_info gauge\n"
		     "dmarcd_build_info{version=\"%s\"} 1\n",
	    version);
}

void
status_print_metrics(const json_t *object)
{
	print_info(object);
	for (enum figure figure = 0; figure < FIGURES; figure++) {
		const struct figure_row *row = &figure_rows[figure];
		if (!status_knows(object, figure))
			continue;
		if (row->help != NULL)
			(void)printf("# HELP dmarcd_%s %s\n# TYPE dmarcd_%s "
				     "%s\n",
			    row->metric, row->help, row->metric,
			    row->kind == FIGURE_COUNT ? "counter" : "gauge");
		(void)printf("dmarcd_%s", row->metric);
		if (row->label != NULL)
			(void)printf("{%s=\"%s\"}", row->label, row->word);
		(void)printf(" %" PRId64 "\n", status_figure(object, figure));
	}
}

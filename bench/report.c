/* What the XML of a report and its gzip cost, for bench/reports.
 *
 * bench-report ROWS TIMES 9990|7489    processor's milliseconds of each, and
 *                                      the bytes that come out */
#include "report/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ARENA_MAX = 64 * 1024 * 1024, XML_MAX = 1024 * 1024 * 1024 };

static const struct report_metadata metadata = {
    .org_name = {"Receiver", 8},
    .email = {"dmarc@receiver.example", 22},
    .report_id = {"0123456789abcdef0123456789abcdef", 32},
    .begin = 1795305600,
    .end = 1795391999,
    .generator = {"dmarcd", 6},
};

static const struct report_policy policy = {
    .domain = {"example.com", 11},
    .p = {"reject", 6},
    .adkim = {"r", 1},
    .aspf = {"r", 1},
    .fo = {"0", 1},
    .testing = {"n", 1},
    .discovery_method = {"treewalk", 8},
};

/* As real ones are: many senders, a few of which fail. */
static void
write_row(const struct aggregate *aggregate, unsigned long number)
{
	char address[32];
	struct report_dkim dkim[] = {
	    {TEXT("example.com"), TEXT("s2026"), TEXT("pass")},
	    {TEXT("esp.example.net"), TEXT("k1"), TEXT("pass")}};
	bool passed = number % 10 != 0;
	int len = snprintf(address, sizeof address, "10.%lu.%lu.%lu",
	    number * 7919 / 65536 % 256, number * 7919 / 256 % 256,
	    number * 7919 % 256);
	struct report_row row = {.source_ip = {address, (size_t)len},
	    .count = 1 + number % 17,
	    .disposition = passed ? TEXT("pass") : TEXT("reject"),
	    .dkim_aligned = passed,
	    .spf_aligned = passed && number % 3 == 0,
	    .has_envelope_from = true,
	    .header_from = TEXT("example.com"),
	    .envelope_from = TEXT("bounce.example.com"),
	    .dkim = {dkim, passed ? 2 : 0, 2},
	    .spf_domain = TEXT("bounce.example.com"),
	    .spf_result = passed ? TEXT("pass") : TEXT("softfail")};

	aggregate_row(aggregate, &row);
}

static double
milliseconds(void)
{
	return (double)clock() * 1000 / CLOCKS_PER_SEC;
}

int
main(int argc, char **argv)
{
	unsigned long rows = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long times = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	int format = argc == 4 ? names_find(&report_format_names,
				     text_from_cstr(argv[3]))
			       : -1;
	double in_xml = 0;
	double in_gzip = 0;
	struct build xml;
	struct build gzip;

	if (rows == 0 || times == 0 || format < 0)
		return 64;
	build_init(&xml, XML_MAX);
	build_init(&gzip, XML_MAX);
	const struct aggregate aggregate = {&xml, (enum report_format)format};
	for (unsigned long i = 0; i < times; i++) {
		build_free(&xml);
		build_free(&gzip);
		double begun = milliseconds();
		aggregate_begin(&aggregate, &metadata, &policy);
		for (unsigned long row = 0; row < rows; row++)
			write_row(&aggregate, row);
		aggregate_end(&aggregate);
		double written = milliseconds();
		if (!report_gzip(&gzip, build_view(&xml)))
			return 1;
		in_xml += written - begun;
		in_gzip += milliseconds() - written;
	}
	(void)printf(
	    "%lu rows: %.3f ms XML of %zu bytes, %.3f ms gzip to %zu\n", rows,
	    in_xml / (double)times, xml.len, in_gzip / (double)times, gzip.len);
	build_free(&xml);
	build_free(&gzip);
	return 0;
}

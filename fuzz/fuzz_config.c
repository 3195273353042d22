/* Configuration lines: whatever the file holds, it is read or an error says a
 * line; what was read stays within the options' bounds. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
check(const struct config *config)
{
	if (config->workers > 256 || config->dns_timeout < 1 ||
	    config->dns_timeout > 60 || config->umask > 0777 ||
	    config->enforce < -1 || config->enforce > ENFORCE_STRICT ||
	    config->claim_keep < 60)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct problem problem = {PROBLEM_NONE, ""};
	struct config *config = config_load(NULL, &problem);

	if (config == NULL)
		return 0;
	if (!config_read(config, (struct text){(const char *)bytes, len},
		"fuzz", &problem) &&
	    (problem.kind != PROBLEM_CONFIG ||
		strncmp(problem.text, "fuzz:", 5) != 0))
		abort();
	check(config);
	config_free(config);
	return 0;
}

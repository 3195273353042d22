#include "exact.h"

#include <stdlib.h>
#include <string.h>

struct text
exact(struct text text)
{
	char *copy = malloc(text.len);

	if (copy == NULL && text.len > 0)
		abort();
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	return (struct text){copy, text.len};
}

void
exact_free(struct text text)
{
	void *owned;

	memcpy(&owned, &text.ptr, sizeof owned);
	free(owned);
}

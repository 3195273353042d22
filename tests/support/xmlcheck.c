#include "xmlcheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECKER "tests/system/xmlcheck.py"

static FILE *
file_of(struct text bytes)
{
	FILE *file = tmpfile();

	if (file == NULL || fwrite(bytes.ptr, 1, bytes.len, file) != bytes.len)
		abort();
	rewind(file);
	return file;
}

/* The checker with WORDS, reading FILE unless it is NULL. */
static enum xml_checked
run(const char *name, const char *const *words, FILE *file)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (file != NULL)
			(void)dup2(fileno(file), STDIN_FILENO);
		(void)execl(CHECKER, CHECKER, words[0], words[1], (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		abort();
	switch (WEXITSTATUS(status)) {
	case XML_VALID: return XML_VALID;
	case XML_NOT_CHECKED: return XML_NOT_CHECKED;
	case XML_INVALID:
		(void)fprintf(stderr, "%s: no valid report\n", name);
		return XML_INVALID;
	default: abort();
	}
}

enum xml_checked
xml_check(const char *name, struct text xml)
{
	FILE *file = file_of(xml);
	enum xml_checked checked =
	    run(name, (const char *const[]){"-", NULL}, file);

	(void)fclose(file);
	return checked;
}

enum xml_checked
xml_check_folder(const char *folder)
{
	return run(folder, (const char *const[]){"--rules", folder}, NULL);
}

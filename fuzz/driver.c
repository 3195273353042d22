/* Runs a fuzz target over the files of the folders named as arguments, in any
 * compiler and without libFuzzer. Prints TAP: one case. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
run_file(const char *path, size_t len)
{
	FILE *file = fopen(path, "rb");
	/* Exactly as large as the input, so that overruns are seen. */
	uint8_t *bytes = malloc(len);

	if (file == NULL || (bytes == NULL && len > 0) ||
	    fread(bytes, 1, len, file) != len) {
		perror(path);
		exit(1);
	}
	(void)fclose(file);
	/* Should it crash, this line says on what. */
	(void)printf("# %s\n", path);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(bytes, len);
	free(bytes);
}

static unsigned
run_folder(const char *folder)
{
	DIR *entries = opendir(folder);
	unsigned count = 0;

	if (entries == NULL)
		return 0;
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
		char path[4096];
		struct stat status;
		(void)snprintf(
		    path, sizeof path, "%s/%s", folder, entry->d_name);
		if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
			run_file(path, (size_t)status.st_size);
			count++;
		}
	}
	(void)closedir(entries);
	return count;
}

int
main(int argc, char **argv)
{
	unsigned count = 0;

	(void)printf("1..1\n");
	for (int i = 1; i < argc; i++)
		count += run_folder(argv[i]);
	(void)printf("%s 1 - %u inputs\n", count > 0 ? "ok" : "not ok", count);
	return count > 0 ? 0 : 1;
}

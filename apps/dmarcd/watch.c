#include "watch.h"

#include "log.h"

/* A file that is being written looks different each time. */
static bool
has_changed(struct config_file *file)
{
	struct file_stamp now = file_look(file->path);
	bool rests = file_is_same(&now, &file->seen);

	file->seen = now;
	if (!rests || file_is_same(&now, &file->known))
		return false;
	file->known = now;
	return true;
}

bool
watch_look(const struct config *config)
{
	bool is_any = false;

	for (size_t i = 0; i < config->files->list.count; i++) {
		struct config_file *file = &config->files->list.at[i];
		if (!has_changed(file))
			continue;
		log_say("%s %s", file->path,
		    file->known.is_there
			? "has changed; it is read again"
			: "is gone; what was read from it stays");
		is_any = is_any || file->known.is_there;
	}
	return is_any;
}

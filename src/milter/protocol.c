#include "milter/protocol.h"

enum { LENGTH_SIZE = 4 };

static uint32_t
number_at(const char *ptr)
{
	uint32_t number = 0;

	for (size_t i = 0; i < 4; i++)
		number = number << 8 | (unsigned char)ptr[i];
	return number;
}

enum milter_read
milter_frame_read(
    struct text bytes, struct milter_frame *ret_frame, size_t *ret_bytes)
{
	if (bytes.len < LENGTH_SIZE)
		return MILTER_READ_MORE;
	size_t len = number_at(bytes.ptr);
	if (len == 0)
		return MILTER_READ_ERROR;
	if (bytes.len == LENGTH_SIZE)
		return MILTER_READ_MORE;
	char command = bytes.ptr[LENGTH_SIZE];
	if (len > MILTER_FRAME_MAX && command != MILTER_HEADER)
		return MILTER_READ_ERROR;
	size_t held = len > MILTER_FRAME_MAX ? MILTER_FRAME_MAX : len;
	if (bytes.len - LENGTH_SIZE < held)
		return MILTER_READ_MORE;
	ret_frame->command = command;
	ret_frame->data =
	    text_slice(bytes, LENGTH_SIZE + 1, LENGTH_SIZE + held);
	*ret_bytes = LENGTH_SIZE + len;
	return MILTER_READ_FRAME;
}

void
milter_frame_write(struct build *build, char command, struct text data)
{
	milter_put_number(build, (uint32_t)(data.len + 1));
	build_byte(build, command);
	build_text(build, data);
}

bool
milter_take_string(struct text *data, struct text *ret_string)
{
	size_t end = text_find(*data, '\0');

	if (end == data->len)
		return false;
	*ret_string = text_slice(*data, 0, end);
	*data = text_slice(*data, end + 1, data->len);
	return true;
}

bool
milter_take_number(struct text *data, uint32_t *ret_number)
{
	if (data->len < 4)
		return false;
	*ret_number = number_at(data->ptr);
	*data = text_slice(*data, 4, data->len);
	return true;
}

bool
milter_take_number16(struct text *data, uint16_t *ret_number)
{
	if (data->len < 2)
		return false;
	*ret_number = (uint16_t)((unsigned char)data->ptr[0] << 8 |
				 (unsigned char)data->ptr[1]);
	*data = text_slice(*data, 2, data->len);
	return true;
}

void
milter_put_string(struct build *build, struct text string)
{
	build_text(build, string);
	build_byte(build, '\0');
}

void
milter_put_number(struct build *build, uint32_t number)
{
	for (unsigned shift = 32; shift > 0; shift -= 8)
		build_byte(build, (char)(number >> (shift - 8) & 0xFF));
}

/* Numbers of DNS messages, between reading (message.c) and writing
 * (message_write.c). Nobody else includes this. */
#ifndef DNS_WIRE_H
#define DNS_WIRE_H

enum {
	WIRE_PACKET_MAX = 65535,
	WIRE_HEADER_LEN = 12,
	WIRE_CLASS_IN = 1,
	WIRE_TYPE_OPT = 41,
	WIRE_RCODE_NOERROR = 0,
	WIRE_RCODE_SERVFAIL = 2,
	WIRE_RCODE_NXDOMAIN = 3,
	/* RFC 1035 4.1.1, RFC 4035 3.1.6 */
	WIRE_FLAG_QR = 0x8000,
	WIRE_FLAGS_OPCODE = 0x7800,
	WIRE_FLAG_AA = 0x0400,
	WIRE_FLAG_TC = 0x0200,
	WIRE_FLAG_RD = 0x0100,
	WIRE_FLAG_RA = 0x0080,
	WIRE_FLAG_AD = 0x0020,
	WIRE_FLAGS_RCODE = 0x000F,
	WIRE_POINTER = 0xC0,
};

#endif

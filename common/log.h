/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Messages for the person at the terminal, on stderr. This is not the record: what a session did
 * goes to monitor/evidence. errno is kept.
 */

enum log_level {
	LOG_ERROR,
	LOG_WARNING,
	LOG_INFO
};

void log_message(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_message(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	 log_message(LOG_INFO, __VA_ARGS__)

// SPDX-License-Identifier: GPL-2.0-only
/* Userfaults that a thread answers: who must wait does, and finds what it was given. */
#include "scenarios/scenario.h"

#include "kinds/kind.h"

#define ANON	(KIND_ANON | KIND_PRIVATE | KIND_FIRST)
#define NOT_ASKED "who touches a missing page must wait for who fills it, however it is touched"
#define NOT_TOLD "a write to a protected page that nobody hears of is missing in what was saved"

static const struct scenario rows[] = {
	{ .id = "served.anon", .title = "Missing pages that a thread fills, fork()",
	  .steps = "fill P; served P; write P; fork P C; served C; write P; served P; write C",
	  .why = NOT_ASKED, .kinds = ANON },
	{ .id = "served.thp", .title = "Missing huge pages that a thread fills",
	  .steps = "fill P; served P; collapse P; served P; collapse P; served P; write P",
	  .why = NOT_ASKED, .kinds = ANON | KIND_THP },
	{ .id = "served.pinned", .title = "%s pin, missing pages that a thread fills",
	  .steps = "fill P; pin P ro longterm; served P; write P; pin P ro longterm; fork P C; "
		   "write C; write P",
	  .why = "the pin keeps its page, the process gets another one", .kinds = ANON },
	{ .id = "served.huge", .title = "Missing hugetlb pages that a thread fills, fork()",
	  .steps = "fill P; servedhuge P; fork P C; servedhuge C; write P; write C",
	  .why = NOT_ASKED, .kinds = ANON | KIND_HUGETLB },
	{ .id = "served.file", .title = "Holes that a thread fills, fork()",
	  .steps = "read P; fork P C; servedfile C; write P; write C",
	  .why = NOT_ASKED, .kinds = KIND_FILE | KIND_SHARED },
	{ .id = "served.minor", .title = "Pages of a file that a thread maps, fork()",
	  .steps = "read P; servedminor P; write P; fork P C; servedminor C; write C; write P",
	  .why = NOT_ASKED, .kinds = KIND_FILE | KIND_SHARED },
	{ .id = "served.range", .title = "Many pages of a file that a thread fills and maps",
	  .steps = "read P; fork P C; servedfile P; servedminor C; servedwpfile P; write C; "
		   "write P",
	  .why = NOT_ASKED, .kinds = KIND_FILE | KIND_SHARED | KIND_RANGE },
	{ .id = "served.minor-thp", .title = "Pages of a THP of a file that a thread maps",
	  .steps = "fill P; filecollapse P; servedminor P; write P",
	  .why = "each place of a mapping gets its own page of the file's folio",
	  .kinds = KIND_FILE | KIND_SHARED | KIND_RANGE },
	{ .id = "served.wp", .title = "Write protection that a thread ends, fork()",
	  .steps = "fill P; servedwp P; fork P C; servedwp C; write P; servedwp P; write C",
	  .why = NOT_TOLD, .kinds = ANON },
	{ .id = "served.wp-pinned", .title = "%s pin, write protection that a thread ends, fork()",
	  .steps = "fill P; pin P ro longterm; servedwp P; fork P C; servedwp C; write P; "
		   "servedwp P",
	  .why = "a page that is pinned is written in place, whoever has to allow it",
	  .kinds = ANON },
	{ .id = "served.wp-huge", .title = "Write protection of hugetlb pages that a thread ends",
	  .steps = "fill P; servedwphuge P; fork P C; servedwphuge C; write P; servedwphuge P; "
		   "write C",
	  .why = NOT_TOLD, .kinds = ANON | KIND_HUGETLB },
	{ .id = "served.wp-file", .title = "Write protection of a file that a thread ends",
	  .steps = "read P; servedwpfile P; fork P C; servedwpfile C; write P; servedwpfile P; "
		   "write C",
	  .why = NOT_TOLD, .kinds = KIND_FILE | KIND_SHARED },
	{ }
};

DEFINE_FAMILY(served) = { .name = "served", .rank = 121, .rows = rows };

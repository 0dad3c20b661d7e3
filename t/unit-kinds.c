// SPDX-License-Identifier: GPL-2.0-only
/* Is memory looked at again that somebody is just moving, and is wrong what stays wrong? */
#include "kinds/kind.h"

#include "t/tap-unit.h"

static int looks, wrong_looks;

static int wrong_at_first(struct mem *m)
{
	return ++looks > wrong_looks ? 0 : mem_wrong(m, "look %d", looks);
}

static int verify(int wrong)
{
	struct mem m = { 0 };

	looks = 0;
	wrong_looks = wrong;
	return mem_verify(&m, wrong_at_first);
}

int main(void)
{
	plan(5);
	is_int(verify(0), 0, "memory that is as it should be");
	is_int(looks, 1, "is looked at once");
	is_int(verify(3), 0, "pages that are just being moved are no other kind");
	is_int(looks, 4, "they are looked at until they are there");
	ok(verify(1000) < 0, "what is wrong stays wrong");
	return tap_done();
}

/* SPDX-License-Identifier: MIT */
/* The NIC's link: down, up again, or gone with its interface. */
#include "dom/host/host.h"

#include <stdio.h>

static void tell(struct host *h, const char *what)
{
	snprintf(h->link.text, sizeof(h->link.text), "ix: nic %.90s: %s\n",
		 h->conf.nic, what);
}

const char *host_link_news(struct host *h)
{
	struct host_link *l = &h->link;
	enum nic_link now;

	if (l->state == NIC_GONE || !nic_link_changed(h->nic))
		return NULL;
	now = h->nic->link(h->nic);
	if (now == l->state)
		return NULL;
	l->state = now;
	switch (now) {
	case NIC_UP:
		tell(h, "the link is up again");
		break;
	case NIC_DOWN:
		l->downs++;
		tell(h, "the link is down; what is sent meanwhile is lost");
		break;
	case NIC_GONE:
		l->downs++;
		tell(h, "the interface is gone, and cannot come back to us: "
			"this is the end");
		break;
	}
	return l->text;
}

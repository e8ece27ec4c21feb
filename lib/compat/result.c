/* SPDX-License-Identifier: MIT */
/* The ABI's batch as the original's: who gets which result, and what a result
 * does. */
#include "lib/compat/priv.h"

long compat_ret(int64_t result)
{
	switch (-result) {
	case 0:
		return RET_OK;
	case ENOMEM:
		return -RET_NOMEM;
	case ENOBUFS:
		return -RET_NOBUFS;
	case EAGAIN:
	case ENOTCONN: /* not yet */
		return -RET_AGAIN;
	case EFAULT:
		return -RET_FAULT;
	case ENOSYS:
		return -RET_NOSYS;
	case EBADF:
		return -RET_BADH;
	case ECONNREFUSED:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return -RET_CONNREFUSED;
	case ECONNRESET:
	case ECONNABORTED:
	case ECANCELED:
	case EPIPE:
	case ESHUTDOWN:
		return -RET_CLOSED;
	default:
		return -RET_INVAL;
	}
}

void compat_answer(struct bsys_desc *d, unsigned long cookie, long ret)
{
	struct bsys_ret *r = (struct bsys_ret *)d;

	r->cookie = cookie;
	r->ret = ret;
}

void compat_room(struct compat *t, uint32_t nsgs)
{
	if (t->ix->ncalls == IX_MAX_CALLS || nsgs > IX_MAX_SGS - t->ix->nsgs)
		compat_flush(t);
}

struct pending *compat_pend(struct compat *t, int index, uint16_t op,
			    struct bsys_desc *d, struct conn *c)
{
	struct pending *p = &t->pending[index];

	*p = (struct pending){ .op = op, .desc = d, .conn = c };
	return p;
}

/* ---- results, one function per call that needs more than its errno */

static long connect_result(struct compat *t, struct conn *c, int64_t result)
{
	if (result < 0) {
		conn_free(t, c);
		return compat_ret(result);
	}
	c->handle = (uint64_t)result;
	return c->hid;
}

/* It ended before it was accepted: the original told that as of any other. */
static long accept_result(struct compat *t, struct conn *c, int64_t result)
{
	if (result >= 0)
		return RET_OK;
	c->flags |= CONN_GONE;
	conn_due(t, c);
	return RET_OK;
}

static long sendv_result(struct compat *t, struct pending *p, int64_t result)
{
	send_taken(t, p, result < 0 ? 0 : (uint64_t)result);
	return result < 0 ? compat_ret(result) : (long)result;
}

static long udp_result(struct compat *t, struct pending *p, int64_t result)
{
	if (result >= 0)
		return RET_OK;
	udp_sent(t, p->tx);
	return compat_ret(result);
}

static void finish(struct compat *t, struct pending *p, int64_t result)
{
	unsigned long cookie = p->conn ? p->conn->cookie : 0;
	long ret = result < 0 ? compat_ret(result) : RET_OK;

	switch (p->op) {
	case IX_CONNECT:
		ret = connect_result(t, p->conn, result);
		break;
	case IX_ACCEPT:
		ret = accept_result(t, p->conn, result);
		break;
	case IX_REJECT:
		if (p->conn)
			conn_free(t, p->conn);
		ret = RET_OK; /* it may have ended by itself */
		break;
	case IX_CLOSE:
	case IX_RECV_DONE:
		if (result == -EBADF) /* dead is coming */
			ret = RET_OK;
		break;
	case IX_SENDV:
		ret = sendv_result(t, p, result);
		break;
	case IX_UDP_SENDV:
		cookie = p->desc->argd;
		ret = udp_result(t, p, result);
		break;
	case IX_TIMER_SET:
		timer_result(p->timer, result);
		break;
	default:
		break;
	}
	if (p->desc)
		compat_answer(p->desc, cookie, ret);
}

void compat_results(struct compat *t)
{
	uint32_t i;

	t->flushes++;
	for (i = 0; i < t->ix->nresults; i++)
		finish(t, &t->pending[i], ix_result(t->ix, (int)i));
}

int compat_flush(struct compat *t)
{
	int ret = t->gone ? -ESHUTDOWN : ix_flush(t->ix);

	if (ret)
		t->gone = true;
	else
		compat_results(t);
	return ret;
}

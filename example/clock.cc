// SPDX-License-Identifier: MIT
// A timer in C++17: every connection is told the seconds since it was opened,
// ten times a second, until the peer ends it.
#include <cstdio>
#include <new>

#include <ix/ixev.h>

namespace
{

constexpr uint64_t period = 100'000'000; // ns

struct client : ixev_ctx {
	ixev_timer timer;
	uint64_t opened = ixev_now();

	client()
	{
		ixev_ctx_init(this);
		ixev_set_handler(this, IXEVHUP, [](ixev_ctx *ctx, unsigned) {
			static_cast<client *>(ctx)->end();
		});
		ixev_timer_init(
			&timer,
			[](void *arg) { static_cast<client *>(arg)->tick(); },
			this);
		ixev_timer_add_ns(&timer, period);
	}

	void tick()
	{
		char line[32];
		int n = std::snprintf(line, sizeof(line), "%.1f\n",
				      double(ixev_now() - opened) / 1e9);

		// A peer that does not read is not told.
		if (ixev_send_room(this) >= size_t(n))
			ixev_send(this, line, size_t(n));
		ixev_timer_add_ns(&timer, period);
	}

	// The context is ixev's until it is released; the timer is not.
	void end()
	{
		ixev_timer_cancel(&timer);
		ixev_close(this);
	}
};

ixev_ctx *on_accept(ip_tuple *)
{
	return new (std::nothrow) client;
}

void on_release(ixev_ctx *ctx)
{
	delete static_cast<client *>(ctx);
}

} // namespace

int main()
{
	static ixev_conn_ops ops{ on_accept, on_release, nullptr };

	return ixev_init(&ops) || ixev_init_thread() || ixev_loop();
}

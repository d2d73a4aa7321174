/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * thrower THREADS N: throws and catches N exceptions in each of so many threads,
 * when SIGUSR1 comes.
 */
#include <cstdio>
#include <cstdlib>
#include <csignal>
#include <thread>
#include <vector>
int main(int argc, char **argv)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
	std::vector<std::thread> all;
	for (int t = 0; t < atoi(argv[1]); t++)
		all.emplace_back([&] {
			for (int i = 0; i < atoi(argv[2]); i++)
				try { throw i; } catch (int) { }
		});
	for (auto &t : all)
		t.join();
	return argc < 3;
}

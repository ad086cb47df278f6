// Command bench measures the gateway beside the kernel, what the same machine does when its own forwarding stands where the
// mirror stands, and beside what userspace can reach: tools/bareloop for forwarding, tools/barerelay for mail.
//
// # What it holds
//
//   - TCP upload from client to internet (iperf3), with the gateway's offload on and off, and the CPU time that the process in the mirror's
//     place takes for each gigabyte. That time holds what the kernel does in its system calls, which is part of router and receiver too.
//   - UDP in frames of 64 octets and with 1,400 of payload: what arrives of what one thread can send, and what is lost at half of
//     that rate.
//   - The round trip of a ping, median and 99th percentile, on an idle network and beside an upload; and how much of the idle one the
//     gateway adds to what it is without any.
//   - Short POP3 sessions per second over IPv4 and IPv6, without a mail and with ten mails of 4 kB, which the mirror scans; what each costs
//     in CPU time; and how long a client waits for its greeting meanwhile. The server is this program, in a process of its own: it does
//     nothing that would hide what the mirror costs.
//   - Mails of 10 MB per second, of three shapes: an attachment in base64, plain text, and text with a dot before each line.
//   - The memory of a session that has logged in and says nothing: of 1,000 on every way, and of the mirror's and the bare relay's 10,000.
//   - With -only yara, and without a lab: a thousand YARA rules on parts of 1 MB and of 4 kB, by libyara in one thread of this process, by one
//     worker and by one for each processor.
//
// Mail is measured beside the kernel, which only forwards it, and beside the mail proxies nginx, dovecot and perdition, which a client must
// name as its server, which use the kernel's TCP, and which scan nothing; and once more with a thousand YARA rules beside the built-in ones.
// The bare relay is the mirror less POP3 and scanner: its figure beside nginx's is what TCP in userspace costs, and the mirror's beside
// its own what mail does.
//
// Everything is in one lab of package testnet: client, mirror, router and internet share this machine's cores. Read the
// ratios, not the absolute figures. Each round goes through all ways, so that what else the machine does meets them alike,
// and a figure is the median of the rounds with the least and the greatest beside it.
//
// # What it does not hold
//
// No test: a figure below the project's aim is printed as such and is no failure. The exit status is 1 when something could
// not be measured, and 2 for wrong usage.
//
// # Ownership and end
//
// One goroutine measures one thing after the other. The lab goes when it is done, when something fails and on ctrl-C.
//
// # Decisions
//
//   - 2026-11: the peer has no redirects to send and no connection tracking, the kernel at its best; only the router has NAT, and
//     both ways go through it. Reverse never: a weaker peer flatters.
//   - 2026-11: the bridge hands no frame to netfilter, even where br_netfilter is loaded. It cost the bare
//     loop, whose frames cross the bridge twice, an eighth of its CPU time; users are better off without it as well.
//   - 2026-11: upload only. With one leg the way back does not touch the mirror, whoever forwards.
//   - 2026-11: datagrams are counted and dropped by the kernel of the internet's end before any socket: a receiving program would
//     compete with the gateway for the same cores, and lose what the network delivered.
//   - 2026-11: the proxies stand where the mirror stands, at its address and with its way to the server, with a process for each core and
//     their logs as they are by default. nginx asks this program, by HTTP, where to send a client: it cannot do without. Perdition starts a
//     process for each session and gets a quarter of the sessions, so that a round has an end.
//   - 2026-11: the gateway remembers no verdict, so that each of the mails, which are the same in every session, is judged each time.
//   - 2026-11: idle sessions are measured before all other mail, whose memory they would use, and quit in the end, which shows that all of
//     them were there. The server has a process of its own because one may have some 20,000 files open, and each session is two.
//   - 2026-11: CPU time is that of a process and its children, up to a tick of 10 ms. On a machine that others use as well it tells more than a
//     rate does, and ratios of rates from one round more than the rates.
//   - 2026-11: what the kernel's own forwarding costs in CPU is not told: it is interrupt time of whoever happens to run.
//
// # What was learnt of sessions
//
// 2026-11-22, two cores, idle but for this, ten mails of 4 kB, nothing remembered, medians of three rounds: 399 sessions a second at 3.4 ms of CPU time,
// where nginx has 1,765 at 0.34 (0.23) and the bare relay 858 at 1.4 (0.49); 288 with a thousand rules (0.16); and 1,819 without a mail, where nginx
// has 3,587 (0.51) and the bare relay 2,143. Mails of 10 MB, medians of five: 126 MB/s for an attachment, 152 for text, 133 with a dot before
// each line; 390 to 480 the peers. The aim of 0.7 is beyond what a relay reaches that does nothing, while TCP ends in the netstack.
//
// How it came to that, beginning with 0.21 of an nginx that had 1,551, without workers:
//
//   - What paid: bare acknowledgements wait for company (a third of all frames); connections that need no timer for each deadline; buffers
//     used again, more garbage before it is collected (the collector had a tenth); stacks that grow once (5 %); spooled mails written in
//     64 KiB (mails with a dot before each line).
//   - What was left: the second pass of the engine over a part that is the body of a mail of one part. It is not the same content: rules look
//     at offsets and sizes.
//   - What paid later that day, the least CPU time of a session of ten mails on a machine that others used as well, 4.0 to 3.0 ms, and 2.3 to
//     1.8 ms with verdicts remembered, which leaves out the scanner: acknowledgements that wait 40 ms instead of 20, since a busy gateway
//     is no faster with its replies (12 %, 108 to 91 frames); a server pump that waits in a read, so that a command and its reply wake two
//     goroutines in place of four, and waits that are one channel operation (14 %); acknowledgements left out that the flow's next
//     segment repeats, both of them read at once (7 to 8 of 13 from a busy client; 5 %); log lines of a burst written together (2 %); timers
//     wound up again (2 %).
//   - Where the rest goes, by perf(1), verdicts remembered, of 2.4 ms: 0.45 frames written, of which 0.3 is bridge and receiver; 0.2 the
//     netstack's way to them; 0.36 frames read and handed to endpoints; 0.17 segments handled; 0.2 bare acknowledgements made, most of
//     them only to be held; 0.1 each the log and what else the judge records, set-up of the server's connection, memory; 0.08 the
//     scheduler; 0.06 the clock, asked ten times a segment.
//   - What was looked at and left: a coarser clock for the netstack (2 %); segments handled by who reads them, in place of a processor
//     goroutine, which the netstack does not offer.
//   - What paid after that: acknowledgements held on although one had to wait for a late reply, unless it was the peer that had waited (a busy
//     gateway writes 19 frames for a session in place of 25, in a mix of those with and without mails); a look at the times of the
//     quarantine's marks in place of one into their folder (1.2 µs for a login in place of 7.9).
//   - What else was looked at and left: the netstack's acknowledgement of each segment before the relay has had its turn. It is made within
//     the call that queues the data, its option for delayed ones does nothing, and what it tells a probe is a copy: 2.7 % made only to be
//     held. The spool's first block in a pool (1 %): parts of a mail are views of it, and an engine that is late may still read one. A line in
//     the log without the place in the code (0.6 %), which could not be told from nothing. Deadlines of a mail, three timers (2 %). The dial
//     of the server is 1.8 %, most of it the netstack's handshake; stacks that grow are 1 %, and the history 0.9.
//   - An idle session took 66 KiB at 1,000 and 61 at 10,000, and takes 57 to 60 and 47 since it waits without buffers. 21 KiB of that are
//     heap, three fifths of which are the netstack's two endpoints; some 34 are stacks, 16 for each of two goroutines, since a write
//     into the netstack takes more than 8. The collector makes them smaller while a session says nothing, and returns what it frees.
//   - With workers, idle, medians of three: 321 sessions a second at 4.25 ms, nginx 1,699 (0.19). Each mail was two questions to a worker, whole and body.
//     Now it is one, and what waits for a worker goes in one message: a third of the context switches, and 4.4 to 3.8 ms, or 6.1 to 5.1 with a
//     thousand rules, by turns on a machine busy with other things.
//   - With all of that, idle, medians of three: 433 sessions a second at 3.2 ms, nginx 2,228 (0.19: the load's server became cheaper as well), 274 with a
//     thousand rules; medians of five of 10 MB mails: 109 MB/s for an attachment, 125 for text, 100 with dots.
//   - At 0.7 of nginx a session would have 1.3 to 1.7 ms of both cores, of which client, server and kernel take 0.6 to 0.8, libyara 0.2, and the TAP
//     0.6: each of some 45 frames written carries what bridge and receiver do with it. Nothing is left for TCP, POP3 and the scanner.
//   - What paid last: timers of workers that may be late (scanner/worker). The runtime's monitor made five of six context switches of a busy worker: 0.8
//     for two questions in place of 2.3 to 3.5, 35 to 46 µs of CPU time in place of 44 to 61, and a session, medians of six by turns on a busy machine,
//     3.4 ms in place of 4.0 (at the least 2.4 and 3.1). An allocation less for each frame written and five for each mail cannot be told. With
//     what changed beside it in carving and in how frames are given to the netstack: 2.4 ms in place of 3.1 (2.1 and 2.6), medians of four.
//   - Where 3.1 ms go then, by perf(1) and /proc: 1.6 for two connections and the TAP, as in a relay that only copies; 0.64 the judge; 0.4 the workers, more
//     than half of it libyara; some 0.45 to read, hold and send mails and commands. Of a mail's 64 µs in the judge 19 ask the worker, 15 the
//     openers, 10 write the log line, 4 the history, 3 the digest; in a loop that does nothing else it is 43: cold caches are a third, not more.
//   - What was counted: 50 frames read in a session, with 3 reads for nothing and 1.3 waits for more, and some 35 written. Of these 28 are commands and
//     replies, and most others handshakes and ends: none is left to leave out. Of 13 bare acknowledgements 6 to 7 are not taken in. To look
//     at all frames read at once for the flow's next, in place of 8, finds no more; to keep one for longer had the netstack probe for a
//     lost end, when it did (stack/doc.go). A mail makes some 80 allocations, 7 kB with the mail itself.
//   - What was looked at and left: two processors for each worker, which saves half as much; timers of a mail that are left to go off for
//     nothing (0.3 µs); traces by the clock that is not set, since the netstack adds to its times as slowly as the other is read. Traces are
//     2.4 %, and 3.9 % without mails: memory that is cold, two lines of it for each frame. More or fewer threads at once in the gateway (GOMAXPROCS
//     1 to 4) and more or fewer workers change nothing that could be told.
//   - On a machine that does other things, nice(1) is of no use where the scheduler groups by session: /proc/PID/autogroup is.
//
// # What was learnt of the bare relay
//
// 2026-11-22, on a machine that others kept busy, so that CPU time is told and no rate. Idle, it has 0.49 of nginx's sessions of ten mails, 0.60 of those
// without, and large mails as nginx has.
//
//   - A session without a mail costs it 0.8 ms where the mirror has 0.9 to 1.0, and one of ten mails 1.8 to 2.2 where the mirror has 3.0 to 3.3. nginx, on
//     the kernel's TCP, has 0.1 to 0.2 and 0.3 to 0.4.
//   - Of that, by perf(1): 55 % the netstack, in which nothing stands out, 26 the kernel, of which 17 to 21 is a frame written with bridge and receiver,
//     7 Go's runtime, 10 package stack, 3 package forwarder.
//   - A relay of the netstack's own parts (tcp.Forwarder, gonet, one NIC without neighbours, no package forwarder) on the same device: by turns, 64
//     batches of 120 sessions each, it takes 5 to 8 % less for ten mails, no more than 3 % less without a mail, and writes 65 frames for a session in place
//     of 42. What package stack adds it nearly earns back with acknowledgements it does not send.
//   - A TIME_WAIT of 1 ms in place of 5 s, and four or sixteen times as much garbage as is in use, make no difference that could be told.
//
// # What was learnt of bulk
//
// 2026-11-22, mails of 10 MB, perf(1) of the gateway without its workers, CPU time for each GB of an attachment, of text and of text with dots, on a
// machine that others used as well.
//
//   - Before: 10.3, 7.8 and 11.0 s, of which the scanner has 6.7, 4.1 and 3.9; the download 0.9, 1.0 and 3.4; frames read and handed to the
//     netstack 0.8; its processor 0.6 to 1.0; sending 0.5 to 0.6; scheduler and sysmon 0.4 to 0.6. After: text and dots cost the same, 7.9 and
//     8.0 s. Workers included, by turns, medians of three, what full frames to the client alone save: 17.2 to 16.6 s for an attachment,
//     14.4 to 12.0 s for text, 16.0 to 12.5 s with dots.
//   - What paid: dots by the piece again, which a later change had undone by accident (1.5 s, what is left is the second copy in the
//     spool); full frames to the client, 22,000 for each GB in place of 36,000, and 14,000 acknowledgements in place of 25,000, by blocks
//     that fit into a frame, writes that wait until half of the buffer is free, and no RACK (decisions in stack/doc.go); the headers of
//     a large frame in a view of their own, since the netstack copies whatever lies in one view with them (6 µs for each of 18,000 frames,
//     12 with IPv6); a look for dots before one for lines (0.15 s of an attachment).
//   - What did not: one acknowledgement for two frames of a server's. It is one for four already, since the netstack acknowledges what its
//     processor finds at once.
//   - What was looked at and left: the spool written in 128 or 256 KiB (0.34 to 0.25 s for each copy), for 200 clients that stall would hold
//     13 MiB and more of it; spool files used again (to 0.09 s), whose pages would go to the disk every half a minute; frames written from
//     the netstack's views without a copy (0.1 s).
//   - Frames from servers hold 55 kB in the mean. Each octet is copied five times on its way into the spool (TAP, netstack, relay, buffer,
//     file) and four on its way out (block, netstack, frame, TAP).
//
// # What was learnt of judging
//
// 2026-11-22, BenchmarkMail in package scanner, in process, the least of several runs on a machine that others used as well: what a mail costs in
// CPU time, with all openers, before and after the changes below.
//
//   - Without an engine: 61 to 26 µs for 4 kB of text, 103 to 40 µs with an attachment; of 10 MB, 163 to 92 ms for an attachment, 58 to 43 ms
//     for text, 58 to 46 ms with a dot before each line.
//   - With the built-in rules: 84 to 47 µs and 120 to 86 µs; 224 to 193 ms, 121 to 101 ms, 116 to 95 ms.
//   - What paid: looking for the magic of archives once instead of at each of a thousand places (half of a small mail), and not in a text that
//     lacks its rare octet; runs of lines in place of lines, in the walk and in carving; base64 by tables of whole quanta; no copy of what
//     is in memory already.
//   - What did not: hashing parts while they are written, shorter reads. Neither could be told from nothing.
//   - The floor is libyara: 2 ns an octet and pass when nothing else runs, and a mail of one part is two passes. That the second could be
//     left, since all its octets were in the first, holds for rules that know no offset, size, count or negation only; libyara does
//     not tell which those are.
//   - What paid later that day, the least of several runs side by side: without an engine 105 to 66 ms for an attachment, 44 to 32 ms for text, 41
//     to 34 ms with dots; with the built-in rules 156 to 112 ms, 92 to 87 ms, 100 to 86 ms. A third of the attachment was its reading in UTF-7: of
//     random octets, one place in four million looks like a Latin letter in it, and all of the content was judged once more, where now
//     it is what is around that place (scanner/recode). The digest of a body that is not encoded is seldom needed (12 ms of text). Prose is passed over
//     with two looks at a line in carving (4 ms). Outside of the scanner, dots are taken by the piece, not by the line: 16 ms of a mail
//     with one before each line (BenchmarkHold in forwarder/pop3). All of it together, the gateway's CPU time for each GB of an attachment, of
//     text and of text with dots, before and after, the least of three runs in turn: 26.3 to 18.2 s, 16.9 to 13.8 s, 18.6 to 12.8 s. At 120 MB/s two cores
//     have 17 s for each GB, of which client, server and kernel take four to five.
//   - Where the rest of an attachment goes, without an engine, by pprof: a third carving, half of it in random octets, whose lines are short and odd; a
//     quarter base64 and what it writes; a fifth SHA-256, at 1 ns an octet; and, in all of these, a sixth pread(2), since each pass reads a spooled
//     content anew.
//   - What was thought of and left: spooled contents mapped into memory, which turn a disk's error into a signal, and save nothing: to map and
//     unmap them 64 KiB at a time takes 0.2 ns an octet, to read them 0.07; another hash.
//   - What paid then, the least of several runs by turns on a machine busy with other things, before and after: with the built-in rules 115 to 88
//     ms for an attachment, 84 to 64 ms for text, 85 to 59 ms with dots; without an engine 65 to 55, 34 to 24 and 36 to 24 ms. Parts that are
//     not encoded as views of the mail's file, of which an engine takes a stretch: no second file is written, and a mail of one part is not even
//     read for it. The digest put off of every body, since one can be decoded again. Base64 by pairs of digits, and line ends where quanta
//     are decoded (0.9 to 0.7 ns an octet). Carving random octets by how lines begin and end (1.3 to 0.6 ns).
//   - What did not: one loop of carving for all kinds of lines, which costs text more than it saves random octets; colons and equals signs looked
//     for ahead in these, where each search of an octet that comes every 256 takes some 30 ns.
package main

// Package capture writes chosen frames as pcapng, for tcpdump, tshark and Wireshark, and costs nothing while nobody asks for that.
//
// # What it holds
//
//   - Tap: where frames are shown to it. It hands them to the captures that run; with none that is one load of a pointer
//     for a batch.
//   - Filter: which frames a capture wants.
//   - WriteFlow: the frames of one flow as a file, for the quarantine.
//   - Copy: the other end of the stream, which keeps a file whole whatever happens to the gateway.
//
// It changes no frame and delays none.
//
// # The way of a frame
//
// Whoever has a frame at hand shows it to the Tap: the forwarder what it punts, forwards and sends by itself, a Writer what the
// netstack sends. Each running capture whose filter wants the frame copies it, with the time, into a buffer of fixed size;
// a frame that finds no room is dropped and counted, nobody waits. The goroutine in Tap.Run takes the buffer, leaves an empty one in
// its place, and encodes.
//
// In the file each way is an interface of its own: own and intercept as received, forwarded and sent as they leave for the
// device, which may refuse them yet.
//
// # What the file shows differently from the wire
//
// A frame whose transport checksum offload has left open gets it completed in the copy. A frame that offload has yet to cut into
// segments is one frame in the file too, up to 64 KiB long.
//
// # Passwords
//
// A capture of mail sessions holds the passwords and the mail of these sessions, as they are on the wire.
//
// # Ownership and end
//
// The Tap borrows frames for the length of a call. Tap.Run ends with its context, writes what is in the buffer by then, and
// statistics.
//
// # Decisions
//
//   - 2026-11: two buffers that change places, instead of a ring of frames: a frame has 60 octets or 65,600, and either fills a
//     buffer without waste.
//   - 2026-11: filters are a few words of our own, no BPF: four terms cover what is looked for in a gateway, and are read in a
//     minute. Reversed by: a pure-Go compiler for libpcap's language.
//   - 2026-11: frames under segmentation offload are not cut: what is looked for is what the gateway did, and that is what it
//     handled.
//   - 2026-11: forwarded frames are shown as they leave, not as they came: of the two, it is the one that says what the gateway did.
package capture

package testnet

import (
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
)

// ServeClamd answers each stream at a socket in folder as a ClamAV daemon does, with what reply makes of the stream's content, and closes
// the connection. It returns its address, as scan.clamd.address has it; closing the listener ends it.
func ServeClamd(folder string, reply func(content []byte) string) (address string, l net.Listener, err error) {
	socket := filepath.Join(folder, "s")
	if l, err = net.Listen("unix", socket); err != nil {
		return "", nil, err
	}
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the stream
				defer conn.Close()
				if content, err := readStream(conn); err == nil {
					_, _ = io.WriteString(conn, reply(content)) // who has gone needs none
				}
			}()
		}
	}()
	return "unix:" + socket, l, nil
}

// readStream reads one INSTREAM.
func readStream(conn net.Conn) (content []byte, err error) {
	if _, err := io.CopyN(io.Discard, conn, int64(len("zINSTREAM\x00"))); err != nil {
		return nil, err
	}
	for {
		var length [4]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return nil, err
		}
		n := binary.BigEndian.Uint32(length[:])
		if n == 0 {
			return content, nil
		}
		chunk := make([]byte, n)
		if _, err := io.ReadFull(conn, chunk); err != nil {
			return nil, err
		}
		content = append(content, chunk...)
	}
}

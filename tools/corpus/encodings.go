package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// fold breaks text into lines of n octets.
func fold(text string, n int) string {
	var lines []string
	for len(text) > n {
		lines, text = append(lines, text[:n]), text[n:]
	}
	return strings.Join(append(lines, text), "\n")
}

// blocks encodes each n octets of text by themselves, with the padding of each.
func blocks(text string, n int) string {
	var lines []string
	for ; len(text) > n; text = text[n:] {
		lines = append(lines, b64(text[:n]))
	}
	return strings.Join(append(lines, b64(text)), "\n")
}

// escaped is quoted-printable with every octet escaped, in lines of n escapes that end softly.
func escaped(text string, n int, format string) string {
	var b strings.Builder
	for i := range len(text) {
		if i > 0 && i%n == 0 {
			b.WriteString("=\n")
		}
		fmt.Fprintf(&b, format, text[i])
	}
	return b.String()
}

// uuencoded returns the lines of text in uuencode, without begin and end. zero stands for six zero bits.
func uuencoded(text string, zero byte) string {
	var b strings.Builder
	digit := func(v byte) {
		if v &= 63; v == 0 {
			b.WriteByte(zero)
		} else {
			b.WriteByte(v + ' ')
		}
	}
	for text != "" {
		n := min(45, len(text))
		line := text[:n] + "\x00\x00"
		digit(byte(n))
		for i := 0; i < n; i += 3 {
			digit(line[i] >> 2)
			digit(line[i]<<4 | line[i+1]>>4)
			digit(line[i+1]<<2 | line[i+2]>>6)
			digit(line[i+2])
		}
		b.WriteByte('\n')
		text = text[n:]
	}
	b.WriteByte(zero)
	return b.String() + "\n"
}

// yEncoded returns text in yEnc, lines of 128 octets, without its =y lines.
func yEncoded(text string) string {
	var b bytes.Buffer
	column := 0
	for i := range len(text) {
		switch c := text[i] + 42; c {
		case 0, '\n', '\r', '=', '.', 0x01:
			b.Write([]byte{'=', c + 64})
			column += 2
		default:
			b.WriteByte(c)
			column++
		}
		if column >= 128 {
			b.WriteByte('\n')
			column = 0
		}
	}
	return b.String() + "\n"
}

// binHexed returns text as a BinHex 4.0 file, RFC 1741 section 3.
func binHexed(name, text string) string {
	var file bytes.Buffer
	file.WriteByte(byte(len(name)))
	file.WriteString(name + "\x00BINAMDOS\x00\x00")
	n := len(text)
	file.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 0, 0, 0, 0})
	sum := crc(file.Bytes())
	file.Write([]byte{byte(sum >> 8), byte(sum)})
	file.WriteString(text)
	sum = crc([]byte(text))
	file.Write([]byte{byte(sum >> 8), byte(sum), 0, 0})
	runs := bytes.ReplaceAll(file.Bytes(), []byte{0x90}, []byte{0x90, 0}) // no runs: 0x90 means itself
	const digits = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
	encoded := base64.NewEncoding(digits).WithPadding(base64.NoPadding).EncodeToString(runs)
	return "(This file must be converted with BinHex 4.0)\n\n" + fold(":"+encoded+":", 64) + "\n"
}

// crc is the checksum of BinHex: CRC-16 of XMODEM.
func crc(text []byte) (sum uint16) {
	for _, c := range text {
		sum ^= uint16(c) << 8
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}

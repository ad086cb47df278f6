package testnet

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// VariedMails returns n mails without malware: those of CleanMails, as far as n goes, and then ones made up of what mail from the wild
// is made of, at random: dots, octets from 0x80 on, NUL, bare CR and LF, lines of any length, empty bodies, parts in parts and
// attachments. The same seed gives the same mails. Few relays and no parser like all of them, yet a scanner has no cause to tag one.
func VariedMails(seed uint64, n int) []Mail {
	mails := CleanMails(seed)
	random := rand.New(rand.NewPCG(seed, 0x76617269))
	for i := len(mails); i < n; i++ {
		b := newMail(random, fmt.Sprintf("varied %d", i))
		switch random.IntN(4) {
		case 0:
			b.header("MIME-Version", "1.0")
			b.multipart("mixed", "=_top", variedParts(random, 3)...)
		case 1:
			b.header("MIME-Version", "1.0")
			b.header("Content-Type", "text/plain; charset=x-unknown")
			b.header("Content-Transfer-Encoding", "8bit")
			b.body(variedText(random))
		case 2:
			b.body(variedText(random), []string{"no line end", ".", "..", " ", "\r\n"}[random.IntN(5)])
		default:
			b.body(strings.Repeat("\r\n", random.IntN(3)))
		}
		mails = append(mails, b.mail())
	}
	return mails[:n]
}

// variedParts are the parts of a multipart, some of them multiparts down to a depth.
func variedParts(random *rand.Rand, depth int) []string {
	parts := make([]string, 1+random.IntN(4))
	for i := range parts {
		switch kind := random.IntN(4); {
		case kind == 0 && depth > 0:
			boundary := fmt.Sprintf("=_%08x", random.Uint32())
			parts[i] = "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n\r\n" + joinParts(boundary, variedParts(random, depth-1)...)
		case kind == 1:
			parts[i] = attachment("application/octet-stream", fmt.Sprintf("file %d.bin", i), octets(random, random.IntN(40_000)))
		default:
			parts[i] = "Content-Type: text/plain; charset=x-unknown\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + variedText(random) + "\r\n"
		}
	}
	return parts
}

// variedText is some lines.
func variedText(random *rand.Rand) string {
	var text strings.Builder
	for range random.IntN(60) {
		switch random.IntN(12) {
		case 0:
			text.WriteString(strings.Repeat(".", 1+random.IntN(4)))
		case 1:
			text.WriteString(". " + prose(random, 1))
		case 2:
			text.Write(octetsFrom(random, 0x80, random.IntN(100)))
		case 3:
			text.WriteString("a NUL \x00 and a bare CR \r within")
		case 4:
			text.WriteString("a bare LF\n.\nand a dot behind it")
		case 5:
			text.WriteString(strings.Repeat("long ", random.IntN(4000)))
		case 6:
			text.WriteString("From here on\t ")
		case 7: // an empty line
		default:
			text.WriteString(prose(random, 1))
		}
		text.WriteString("\r\n")
	}
	return text.String()
}

// octetsFrom is n octets from least to 0xff.
func octetsFrom(random *rand.Rand, least byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = least + byte(random.IntN(256-int(least)))
	}
	return b
}

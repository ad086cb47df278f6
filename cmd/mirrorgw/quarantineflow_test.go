package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
	"mirrorgw/testnet"
)

// pcapng is a scanner.Trace with this in it.
type pcapng string

func (p pcapng) WritePcapng(w io.Writer) error {
	_, err := io.WriteString(w, string(p))
	return err
}

func TestQuarantineBundleHasTheFlow(t *testing.T) {
	k := keep(t, cleanMail)
	id, err := k.store.Keep(t.Context(), scanner.Item{Origin: scanner.Origin{Trace: pcapng("frames")}}, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, stdout, _ := k.call(t, "show", id); !strings.Contains(squeezeLines(stdout), "flow 6 octets of pcapng: ") {
		t.Errorf("got %q", stdout)
	}
	if _, stdout, _ := k.call(t, "show", k.ids[0]); strings.Contains(stdout, "pcapng") {
		t.Errorf("got %q", stdout)
	}
	_, stdout, _ := k.bundled(t, id)
	files := untar(t, strings.NewReader(stdout))
	folder := "mirrorgw-" + id + "/"
	if files[folder+"flow.pcapng"] != "frames" || strings.Contains(files[folder+"about.txt"], "no frames were kept") {
		t.Errorf("got %q", files)
	}
	if err := os.Remove(filepath.Join(k.dir, id, "flow.pcapng")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bundle")
	if code, _, stderr := k.bundled(t, "-o", path, id); code != exitNo || stderr != "mirrorgw: quarantine item "+id+": flow.pcapng is missing\n" || !missing(path) {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

// TestFlowOfAnInfectedMail has an infected mail fetched, and tcpdump read the flow in its bundle: both legs from their handshakes on, in
// order, with the true lengths, and nothing of what was said.
func TestFlowOfAnInfectedMail(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	virus := testnet.EICAR()
	virus.Data = append(virus.Data, bytes.Repeat([]byte("a line of this very mail\r\n"), 4000)...) // more than one frame, however large
	if _, err := lab.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: []testnet.Mail{virus}}); err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, lab, lab.GatewayConfig())
	for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		t.Run(server.String(), func(t *testing.T) {
			url := "pop3://" + netip.AddrPortFrom(server, 110).String() + "/1"
			if got := shell(t, lab.Client, "curl -sSgf --max-time 20 -u 'alice:"+testnet.Password+"' '"+url+"'"); !strings.Contains(got, "Subject: [mirrorgw]") {
				t.Fatalf("the client got %q", got)
			}
			items, err := quarantine.At(lab.QuarantineFolder()).List()
			if err != nil || len(items) == 0 {
				t.Fatalf("%d items, %v", len(items), err)
			}
			item := items[len(items)-1]
			bundle := filepath.Join(t.TempDir(), "bundle.tar")
			if code, _, stderr := call(t, explaining(&stubMatcher{}), "quarantine", "export", "-c", g.Config, "--bundle", "-o", bundle, item.ID); code != exitDone {
				t.Fatalf("exit %d, %s", code, stderr)
			}
			archive, err := os.Open(bundle)
			if err != nil {
				t.Fatal(err)
			}
			defer archive.Close()
			files := untar(t, archive)
			flow := files["mirrorgw-"+item.ID+"/flow.pcapng"]
			var known quarantine.Item
			if err := json.Unmarshal([]byte(files["mirrorgw-"+item.ID+"/item.json"]), &known); err != nil || known.Flow != int64(len(flow)) || known.Flow == 0 {
				t.Errorf("%d octets said, %d there, %v", known.Flow, len(flow), err)
			}
			plain := []byte("\x00alice\x00" + testnet.Password)
			for _, secret := range []string{testnet.Password, string(plain), base64.StdEncoding.EncodeToString(plain), "+OK", "RETR", "Subject", "a line of this very mail", "EICAR-STANDARD"} {
				if strings.Contains(flow, secret) {
					t.Errorf("the flow holds %q", secret)
				}
			}

			file := filepath.Join(t.TempDir(), "flow.pcapng")
			if err := os.WriteFile(file, []byte(flow), 0o600); err != nil {
				t.Fatal(err)
			}
			client, gateway := testnet.ClientIPv4, testnet.GatewayIPv4
			if server.Is6() {
				client, gateway = testnet.ClientIPv6, testnet.GatewayIPv6
			}
			find(t, strings.Join(framesOf(t, file), ""),
				client.String()+`\.\d+ > `+server.String()+`\.110: Flags \[S\]`,
				gateway.String()+`\.\d+ > `+server.String()+`\.110: Flags \[S\]`,
				server.String()+`\.110 > `+gateway.String()+`\.\d+: Flags \[S\.\]`,
				server.String()+`\.110 > `+client.String()+`\.\d+: Flags \[S\.\]`,
				server.String()+`\.110 > `+gateway.String()+`\.\d+: Flags \[P\.\]`)
			last, octets := "", 0
			length := regexp.MustCompile(`, length (\d+): .*` + regexp.QuoteMeta(fmt.Sprintf("%s.110 > %s.", server, gateway)) + `.* length (\d+)\n`)
			for line := range strings.Lines(tcpdump(t, file, "-e")) {
				now, _, _ := strings.Cut(line, " ")
				if now < last { // both have as many digits
					t.Errorf("time goes from %s back to %s", last, now)
				}
				last = now
				if match := length.FindStringSubmatch(line); match != nil {
					frame, _ := strconv.Atoi(match[1])
					payload, _ := strconv.Atoi(match[2])
					if headers := frame - payload; headers < 54 || headers > 114 {
						t.Errorf("%d octets around %d: %s", headers, payload, line)
					}
					octets += payload
				}
			}
			if octets < len(virus.Data) || octets > len(virus.Data)+4000 {
				t.Errorf("%d octets came from the server, and the mail has %d", octets, len(virus.Data))
			}
		})
	}
}

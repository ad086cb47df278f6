package testnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// ErrUnable reports a machine that cannot hold a lab, as it is: no privilege, no namespaces, a program that is not installed.
var ErrUnable = errors.New("this machine cannot run the lab")

// debianPackage tells where a program comes from.
func debianPackage(tool string) string {
	switch tool {
	case "ip", "bridge":
		return "iproute2"
	case "nft":
		return "nftables"
	case "dovecot":
		return "dovecot-pop3d"
	case "pop3d":
		return "mailutils-pop3d"
	case "getmail":
		return "getmail6"
	case "ping":
		return "iputils-ping"
	default:
		return tool
	}
}

// needTools says which programs are missing, and the Debian packages that hold them.
func needTools(tools ...string) error {
	var missing []error
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, fmt.Errorf("%w: %s is not installed: apt-get install %s", ErrUnable, tool, debianPackage(tool)))
		}
	}
	return errors.Join(missing...)
}

// needRoot says what stands in the way of network namespaces.
func needRoot() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: network namespaces need root", ErrUnable)
	}
	if _, err := os.Stat("/proc/self/ns/net"); err != nil {
		return fmt.Errorf("%w: the kernel has no network namespaces", ErrUnable)
	}
	return nil
}

package testnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// gatewayReadyLimit covers compiling rules and the engines' self-tests on a busy machine.
const gatewayReadyLimit = 30 * time.Second

// Gateway is mirrorgw on the host mirror.
type Gateway struct {
	*Process

	// Config is the path of its configuration.
	Config string
}

// GatewayConfig is a configuration that fits the lab: the addresses .2 and ::2, the lab's router, and every file inside the
// lab's folder. A caller adds sections of its own below it.
func (l *Lab) GatewayConfig() string {
	return fmt.Sprintf(`device: {name: mirror0, bridge: br0}
addresses: [%s/24, "%s/64"]
routers: [%s, "fe80::1"]
quarantine: {dir: %s}
control: {socket: %s}
`, GatewayIPv4, GatewayIPv6, RouterIPv4, l.QuarantineFolder(), l.ControlSocket())
}

// QuarantineFolder is where GatewayConfig has replaced mail kept.
func (l *Lab) QuarantineFolder() string { return filepath.Join(l.folder, "quarantine") }

// ControlSocket is where GatewayConfig has the gateway listen for "mirrorgw status".
func (l *Lab) ControlSocket() string { return filepath.Join(l.folder, "control.sock") }

// StartGateway runs "BINARY run" on the host mirror with a configuration in YAML, and waits for msg=ready in its log. It
// may be called again once the gateway before has ended.
//
// Errors: the end of its log, when it ends or is not ready within 30 seconds.
func (l *Lab) StartGateway(ctx context.Context, binary, config string) (*Gateway, error) {
	g, err := l.startGateway(ctx, binary, config)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return g, nil
}

func (l *Lab) startGateway(ctx context.Context, binary, config string) (*Gateway, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(l.folder, "mirrorgw.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	p, err := l.Mirror.Start("mirrorgw", binary, "run", "--config", path)
	if err != nil {
		return nil, err
	}
	err = p.waitReady(ctx, gatewayReadyLimit, func() bool {
		log, err := p.Log()
		return err == nil && (strings.Contains(log, "msg=ready") || strings.Contains(log, `"msg":"ready"`))
	})
	if err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return &Gateway{Process: p, Config: path}, nil
}

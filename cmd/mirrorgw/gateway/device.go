package gateway

import (
	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/stack"
)

// Device returns the interface that a configuration describes: the one a gateway opens, and the one that is made for it in advance.
func Device(cfg *config.Config) stack.DeviceConfig {
	mac := cfg.Device.MAC
	if mac == nil {
		mac = stack.StableMAC(cfg.Device.Name)
	}
	return stack.DeviceConfig{
		Name:    cfg.Device.Name,
		Bridge:  cfg.Device.Bridge,
		MAC:     mac,
		MTU:     cfg.Device.MTU,
		Queues:  cfg.Device.Queues,
		Offload: offloadOf(cfg.Device.Offload),
	}
}

func offloadOf(o config.Offload) stack.Offload {
	switch o {
	case config.OffloadOn:
		return stack.OffloadOn
	case config.OffloadOff:
		return stack.OffloadOff
	default:
		return stack.OffloadAuto
	}
}

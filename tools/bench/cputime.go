package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticksPerSecond is the unit of /proc/PID/stat, USER_HZ, which is the same on every architecture Go has.
const ticksPerSecond = 100

// cpuTime is the CPU time of a process, user and system, in seconds. The system's part holds more than what it does for the process: a
// frame written to a device goes on through bridge, router and receiver in the same call.
func cpuTime(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(stat))
}

// parseStat reads utime and stime, fields 14 and 15 of proc(5). The second field is a name in brackets, which may hold blanks and brackets.
func parseStat(stat string) (float64, error) {
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	const third, utime = 3, 14 // the first of fields is the third
	if end < 0 || len(fields) < utime+1-third+1 {
		return 0, fmt.Errorf("/proc/PID/stat: %q", stat)
	}
	ticks := 0.0
	for _, f := range fields[utime-third : utime-third+2] {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/PID/stat: %w", err)
		}
		ticks += float64(n)
	}
	return ticks / ticksPerSecond, nil
}

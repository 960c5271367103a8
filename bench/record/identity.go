package record

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// identity describes the kind of machine in readings that do not change while it stays the
// same machine: what figures of different days may be compared by. Readings that wander (a
// clock rate, free memory, bogomips) are left out on purpose. A setting that cannot be read is
// missing, which is a kind of its own.
func identity(netserve string) map[string]string {
	id := map[string]string{"arch": runtime.GOARCH, "virt": hypervisor()}
	info := cpuFields()
	for name, label := range map[string]string{
		"cpu_vendor": "vendor_id", "cpu_family": "cpu family", "cpu_model": "model", "cpu_stepping": "stepping",
		"cpu_implementer": "CPU implementer", "cpu_part": "CPU part", "cpu_variant": "CPU variant",
	} {
		if v := info[label]; v != "" {
			id[name] = v
		}
	}
	if flags := info["flags"] + info["Features"]; flags != "" {
		words := strings.Fields(flags)
		slices.Sort(words)
		id["cpu_flags"] = shortDigest(strings.Join(words, " "))
	}
	if m := mitigations(); m != "" {
		id["mitigations"] = shortDigest(m)
	}
	if build, err := buildinfo.ReadFile(netserve); err == nil {
		for _, s := range build.Settings {
			if s.Key == "GOAMD64" || s.Key == "GOARM64" {
				id[strings.ToLower(s.Key)] = s.Value
			}
		}
	}
	return id
}

// cpuFields are the lines of the first processor in /proc/cpuinfo.
func cpuFields() map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(readSetting("/proc/cpuinfo")) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			break // a blank line ends the first processor
		}
		fields[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return fields
}

// hypervisor names what the machine runs in, as far as the machine says.
func hypervisor() string {
	for _, path := range []string{"/sys/hypervisor/type", "/sys/class/dmi/id/sys_vendor"} {
		if name := readSetting(path); name != "" {
			return name
		}
	}
	if slices.Contains(strings.Fields(cpuFields()["flags"]), "hypervisor") {
		return "unnamed hypervisor"
	}
	return "none seen"
}

// mitigations are the kernel's remedies for faults of the processor: they change what a system
// call costs.
func mitigations() string {
	paths, err := filepath.Glob("/sys/devices/system/cpu/vulnerabilities/*") // sorted
	if err != nil {
		return ""
	}
	var all strings.Builder
	for _, path := range paths {
		if data, err := os.ReadFile(path); err == nil {
			all.WriteString(filepath.Base(path) + ": " + string(data))
		}
	}
	return all.String()
}

func shortDigest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

package export_test

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sample is a line of an OpenMetrics text.
type sample struct {
	family string
	labels map[string]string
	value  float64
}

// parseOpenMetrics is a strict reader of the part of OpenMetrics 1.0 that gauges and infos use.
// It fails the test at whatever the specification forbids.
func parseOpenMetrics(t *testing.T, data []byte) []sample {
	t.Helper()
	text, ended := strings.CutSuffix(string(data), "# EOF\n")
	if !ended || strings.Contains(text, "# EOF") {
		t.Fatal("the text must end with # EOF and a line feed, once")
	}
	var samples []sample
	var family, kind string
	done, series := map[string]bool{}, map[string]bool{}
	descriptor := regexp.MustCompile(`^# (TYPE|UNIT|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$`)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := descriptor.FindStringSubmatch(line); m != nil {
			if m[2] != family {
				if done[m[2]] {
					t.Errorf("family %s is in two pieces", m[2])
				}
				family, kind = m[2], ""
				done[family] = true
			} else if len(samples) > 0 && samples[len(samples)-1].family == family {
				t.Errorf("%s stands after samples", line)
			}
			switch {
			case m[1] == "TYPE":
				kind = m[3]
			case m[1] == "UNIT" && !strings.HasSuffix(family, "_"+m[3]):
				t.Errorf("%s: the unit is no suffix of the name", line)
			}
			continue
		}
		s, key := parseSample(t, line)
		want := map[string]string{"gauge": family, "info": family + "_info"}[kind]
		if s.family != want || series[key] || (kind == "info" && s.value != 1) {
			t.Errorf("%q in family %s of type %q, twice: %v", line, family, kind, series[key])
		}
		series[key] = true
		s.family = family
		samples = append(samples, s)
	}
	return samples
}

// parseSample reads name{label="value",...} number; key is all but the number.
func parseSample(t *testing.T, line string) (s sample, key string) {
	t.Helper()
	m := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)\{(.*)\} (\S+)$`).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("no sample: %q", line)
	}
	value, err := strconv.ParseFloat(m[3], 64)
	if err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
		t.Errorf("%q: value %q", line, m[3])
	}
	s = sample{family: m[1], labels: map[string]string{}, value: value}
	label := regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)`)
	for rest := m[2]; rest != ""; {
		part := label.FindStringSubmatch(rest)
		if part == nil {
			t.Fatalf("bad labels from %q in %q", rest, line)
		}
		if _, twice := s.labels[part[1]]; twice {
			t.Errorf("label %s twice in %q", part[1], line)
		}
		s.labels[part[1]] = part[2]
		rest = rest[len(part[0]):]
	}
	return s, m[1] + m[2]
}

func TestOpenMetrics(t *testing.T) {
	samples := parseOpenMetrics(t, written(t, "openmetrics", mishaps()))
	found := map[string]float64{}
	for _, s := range samples {
		if s.labels["model"] == "reactor" && s.labels["conns"] == "1000" && s.labels["proto"] == "echo" {
			found[s.family+" "+s.labels["metric"]+" "+s.labels["bound"]] = s.value
		}
		if s.family == "iomodels_run" && s.labels["machine"] != `Odd \"CPU\" \\ <1>\n& more, 2 CPUs, Linux 6.18, go1.26` {
			t.Errorf("machine %q", s.labels["machine"])
		}
	}
	const rate, ratio = "iomodels_throughput_requests_per_second ", "iomodels_to_baseline_ratio throughput "
	for _, family := range []string{rate + " ", ratio} {
		lo, value, hi := found[family+"lo"], found[family+"value"], found[family+"hi"]
		if lo <= 0 || lo > value || value > hi {
			t.Errorf("%s: %v [%v, %v]", family, value, lo, hi)
		}
	}
	if found["iomodels_response_p99_seconds  value"] > 1 {
		t.Errorf("p99 is not in seconds: %v", found)
	}
}

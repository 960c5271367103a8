package bench_test

import (
	"testing"
	"time"

	"iomodels/bench"
	"iomodels/bench/record"
	"iomodels/servers/all"
)

// registry describes the models as netserve --list does, as far as plans look at it.
func registry() []record.ModelInfo {
	var out []record.ModelInfo
	for _, m := range all.Models() {
		out = append(out, record.ModelInfo{Name: m.Name, VariantOf: m.VariantOf, Protocols: m.Protocols, Available: true})
	}
	return out
}

func TestTopicsFitTheirTime(t *testing.T) {
	for name, limit := range map[string]time.Duration{"family": 5 * time.Minute, "handlers": 6 * time.Minute} {
		profile, err := bench.FindProfile(name)
		if err != nil {
			t.Fatal(err)
		}
		var speakers []record.ModelInfo
		for _, m := range registry() {
			if name == "handlers" || m.Protocols == nil {
				speakers = append(speakers, m)
			}
		}
		matrix := profile.Matrix(speakers)
		if got := bench.Estimate(matrix.Order(1)); got > limit {
			t.Errorf("%s takes about %v, more than %v", name, got, limit)
		}
	}
}

// A topic names its models; one that is renamed in the registry would vanish from it in silence.
func TestTopicsNameModelsThatExist(t *testing.T) {
	known := map[string]bool{}
	for _, m := range registry() {
		known[m.Name] = true
	}
	for _, p := range bench.Profiles() {
		for _, g := range p.Groups {
			for _, name := range g.Models {
				if !known[name] {
					t.Errorf("profile %s is about %s, which is no model", p.Name, name)
				}
			}
		}
	}
}

// Where a model runs its handlers is compared inside a condition, like the model itself.
func TestOffloadedModelsStandBesideTheOthers(t *testing.T) {
	profile, err := bench.FindProfile("handlers")
	if err != nil {
		t.Fatal(err)
	}
	visits := profile.Matrix(registry()).Keep(func(s bench.Step) bool {
		return s.Cell.Workload == bench.Blocking
	}).Order(3)
	offloaded := 0
	for _, v := range visits {
		plan := v.Plan("127.0.0.1:1", 7)
		if plan.Mix == "" || plan.Rate == 0 || plan.Path != "" {
			t.Errorf("plan %+v", plan)
		}
		if v.Step.Cell.Offload > 0 {
			offloaded++
		}
	}
	if offloaded == 0 || !mixed(visits) {
		t.Error("offloaded models come all together, and not among the others")
	}
}

// mixed reports whether the offloaded visits are not all at one end.
func mixed(visits []bench.Visit) bool {
	changes := 0
	for i := 1; i < len(visits); i++ {
		if (visits[i].Step.Cell.Offload > 0) != (visits[i-1].Step.Cell.Offload > 0) {
			changes++
		}
	}
	return changes > 2*len(visits)/9 // grouped by where handlers run, a block would have one change
}

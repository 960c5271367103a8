package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"iomodels/bench"
	"iomodels/bench/experiment"
	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
)

// runOptions are the flags of netbench run.
type runOptions struct {
	profile              string
	models, workloads    []string
	out, resume          string
	baseline             string
	budget               time.Duration
	failIf               []string
	seed                 uint64
	force, dryRun        bool
	server, load, shared string // CPU lists
}

func (a *app) runCommand() *cobra.Command {
	var opt runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a matrix of servers and loads",
		Long: "Run measures every model of a profile under every load, in blocks of random order, each cell with\n" +
			"fresh processes. On its headlines servers take turns in short slices, and blocks are added until\n" +
			"their ratios are known well enough for a verdict; all other cells get intervals without one.\n" +
			"Every finished cell is on the disk at once, and --resume completes a run that was interrupted in\n" +
			"any way.\n\nProfiles:\n" + profileList(),
		Example: `  netbench run --profile quick
  netbench run --profile verdicts --models reactor,gnet --baseline gnet
  netbench run --models reactor,gnet --workloads closed,open --dry-run
  netbench run --profile quick --models reactor --fail-if 'p99>10ms' --fail-if 'errors>0'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), opt) },
	}
	f := cmd.Flags()
	f.StringVar(&opt.profile, "profile", "default", "`name` of the matrix")
	f.StringSliceVar(&opt.models, "models", nil, "only these `models`, separated by commas")
	f.StringSliceVar(&opt.workloads, "workloads", nil, "only these `workloads`, as --dry-run names them")
	f.StringVar(&opt.baseline, "baseline", cells.Baseline, "`model` that ratios refer to, and that gets a twin")
	f.DurationVar(&opt.budget, "budget", 0, "`time` for the headlines together (default: that of the profile)")
	f.StringArrayVar(&opt.failIf, "fail-if", nil, "exit code 1 if a `limit` is passed, as in 'p99>10ms'")
	f.StringVar(&opt.out, "out", "results/runs", "`folder` in which the run gets one of its own")
	f.Uint64Var(&opt.seed, "seed", 0, "of order and arrivals; 0: a new one, which is recorded")
	f.StringVar(&opt.resume, "resume", "", "finish the run in this `folder`; what is there is kept")
	f.BoolVar(&opt.force, "force", false, "with --resume: even if code, machine or plan have changed")
	f.BoolVar(&opt.dryRun, "dry-run", false, "print the plan and how long it takes, and start nothing")
	f.StringVar(&opt.server, "server-cpus", "", "`CPUs` of the server when split, as in 0,2-3 (default: chosen)")
	f.StringVar(&opt.load, "load-cpus", "", "`CPUs` of the generator when split")
	f.StringVar(&opt.shared, "shared-cpus", "", "`CPUs` of both when sharing")
	for _, name := range []string{"profile", "models", "workloads", "baseline", "budget", "seed", "out"} {
		cmd.MarkFlagsMutuallyExclusive("resume", name) // a resumed run keeps its own
	}
	return cmd
}

func profileList() string {
	var b strings.Builder
	for _, p := range bench.Profiles() {
		fmt.Fprintf(&b, "  %-8s %s\n", p.Name, p.About)
	}
	return b.String()
}

func (a *app) run(ctx context.Context, opt runOptions) error {
	limits, err := parseLimits(opt.failIf)
	if err != nil {
		return err
	}
	session, err := a.prepare(ctx, opt)
	if err != nil {
		return err
	}
	session.limits = limits
	if opt.dryRun {
		return a.printPlan(session)
	}
	if err := session.open(opt); err != nil {
		return err
	}
	defer session.writer.Close()
	result, err := a.measure(ctx, session)
	if err != nil {
		return err
	}
	return a.conclude(session, result)
}

// session is one call of netbench run.
type session struct {
	programs record.Programs
	env      record.Env
	matrix   bench.Matrix
	place    experiment.Placement
	counting error          // why system calls cannot be counted; nil: they can
	notes    []string       // what the user should know before the run
	old      *record.Run    // the run that is resumed; nil: a new one
	writer   *record.Writer // of the run
	limits   []cells.Limit  // whose passing fails the run
	stain    string         // what every further record must say, after --force
}

// prepare finds out everything about programs, machine and plan, and starts nothing.
func (a *app) prepare(ctx context.Context, opt runOptions) (*session, error) {
	s := &session{}
	var err error
	if s.programs, err = a.programs(); err != nil {
		return nil, err
	}
	if opt.resume != "" {
		if s.old, err = record.Open(opt.resume); err != nil {
			return nil, err
		}
		opt.adopt(s.old.Env)
	}
	if s.env, err = record.Capture(s.programs, time.Now()); err != nil {
		return nil, err
	}
	if s.env.Models, err = proc.Models(ctx, s.programs.Netserve); err != nil {
		return nil, err
	}
	if s.place, err = opt.placement(); err != nil {
		return nil, err
	}
	if err := s.plan(opt); err != nil {
		return nil, err
	}
	if _, s.counting = proc.NewCounter(); s.counting != nil {
		s.env.Limits["syscall_counting"] = s.counting.Error()
		s.notes = append(s.notes, "system calls per request are not counted: "+s.counting.Error())
	}
	return s, nil
}

// adopt takes the choices of the run that is resumed.
func (opt *runOptions) adopt(env record.Env) {
	opt.profile, opt.seed = env.Profile, env.Seed
	opt.models, opt.workloads = env.Config.Models, env.Config.Workloads
	opt.baseline, opt.budget = env.Config.Baseline, time.Duration(env.Config.BudgetS*float64(time.Second))
	for _, c := range []struct {
		into *string
		cpus []int
	}{{&opt.server, env.Config.ServerCPUs}, {&opt.load, env.Config.LoadCPUs}, {&opt.shared, env.Config.SharedCPUs}} {
		if *c.into == "" {
			*c.into = strings.Trim(strings.ReplaceAll(fmt.Sprint(c.cpus), " ", ","), "[]")
		}
	}
}

// placement chooses the CPUs, by what the user said and what this process may use.
func (opt runOptions) placement() (experiment.Placement, error) {
	allowed, err := proc.AllowedCPUs()
	if err != nil {
		return experiment.Placement{}, err
	}
	place := experiment.Place(allowed)
	for _, c := range []struct {
		flag, list string
		into       *[]int
	}{
		{"server-cpus", opt.server, &place.Server},
		{"load-cpus", opt.load, &place.Load},
		{"shared-cpus", opt.shared, &place.Shared},
	} {
		if c.list == "" {
			continue
		}
		if *c.into, err = experiment.ParseCPUs(c.list); err != nil {
			return place, fmt.Errorf("--%s: %w", c.flag, err)
		}
		if missing := experiment.Without(*c.into, allowed); len(missing) > 0 {
			return place, fmt.Errorf("--%s: this process may not use CPU %v, only %v", c.flag, missing, allowed)
		}
	}
	return place, nil
}

// plan makes the matrix from the profile and the user's choice.
func (s *session) plan(opt runOptions) error {
	profile, err := bench.FindProfile(opt.profile)
	if err != nil {
		return err
	}
	full := profile.Matrix(s.env.Models)
	err = errors.Join(
		bench.CheckNames("model", opt.models, full.Models()),
		bench.CheckNames("workload", opt.workloads, full.Workloads()),
	)
	if err != nil {
		return err
	}
	variants := map[string]bool{} // shown by the profile that is about them, or when asked for
	for _, m := range s.env.Models {
		variants[m.Name] = m.VariantOf != "" && !profile.Variants && opt.models == nil
	}
	s.matrix = full.Keep(func(step bench.Step) bool {
		return !variants[step.Cell.Model] &&
			chosen(opt.models, step.Cell.Model) && chosen(opt.workloads, step.Cell.Workload)
	})
	if !s.place.Apart() {
		s.matrix = s.matrix.OnOneCPU()
		s.notes = append(s.notes, "only one CPU may be used: server and generator share it in every cell")
	}
	opt.baseline = cmp.Or(opt.baseline, cells.Baseline) // runs of before have none
	if opt.baseline != cells.Baseline {
		if err := bench.CheckNames("model", []string{opt.baseline}, full.Models()); err != nil {
			return err
		}
	}
	s.matrix = s.matrix.WithTwins(opt.baseline)
	if opt.budget > 0 {
		s.matrix.Budget = opt.budget
	}
	s.env.Seed = opt.seed
	if s.env.Seed == 0 {
		s.env.Seed = uint64(s.env.Started.UnixNano())
	}
	s.env.Config = record.Config{
		Models: opt.models, Workloads: opt.workloads, Baseline: opt.baseline, BudgetS: s.matrix.Budget.Seconds(),
		ServerCPUs: s.place.Server, LoadCPUs: s.place.Load, SharedCPUs: s.place.Shared,
	}
	s.matrix.Describe(&s.env)
	return nil
}

// open makes the folder of the run, or reopens the one to be resumed.
func (s *session) open(opt runOptions) error {
	if s.old == nil {
		writer, err := record.Create(opt.out, s.env)
		s.writer = writer
		return err
	}
	if changed := s.old.Env.Differences(s.env); len(changed) > 0 {
		text := strings.Join(changed, "; ")
		if !opt.force {
			return fmt.Errorf("%s cannot be resumed, its records would not compare: %s. "+
				"Start a new run, or say --force to mix them, which every further record will say", opt.resume, text)
		}
		s.stain = "resumed by force: " + text
	}
	writer, run, err := record.Resume(opt.resume)
	s.writer, s.old = writer, run // read again, now under the lock
	return err
}

// chosen reports whether a list of names allows one; an empty list allows all.
func chosen(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

package survival

// The figures that trials record.
const (
	FigureIdle        = "CPU, idle, %"
	FigureSpin        = "CPU, no descriptors left, %"
	FigureQuietP99    = "p99, quiet, µs"
	FigureSlowP99     = "p99, slow crowd, µs"
	FigureSlowRatio   = "p99, slow crowd / quiet"
	FigureQuiet       = "memory, quiet, MiB"
	FigureSlow        = "memory, slow crowd, MiB"
	FigureBefore      = "memory, before a crowd, MiB"
	FigureCrowd       = "memory, with it, MiB"
	FigureSecond      = "memory, with a second one, MiB"
	FigureAfter       = "memory, after the first, MiB"
	FigureAfterSecond = "memory, after the second, MiB"
	FigureRemains     = "remains, % of before"
	FigureExit        = "SIGTERM to exit, s"
)

// figureNames returns them in the order of the table.
func figureNames() []string {
	return []string{
		FigureIdle, FigureSpin, FigureQuietP99, FigureSlowP99, FigureSlowRatio, FigureQuiet, FigureSlow,
		FigureBefore, FigureCrowd, FigureSecond, FigureAfter, FigureAfterSecond, FigureRemains, FigureExit,
	}
}

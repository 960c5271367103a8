package survival

// The figures that trials record.
const (
	FigureSpin      = "CPU, no descriptors left, %"
	FigureQuietP99  = "p99, quiet, µs"
	FigureSlowP99   = "p99, slow crowd, µs"
	FigureQuiet     = "memory, quiet, MiB"
	FigureSlow      = "memory, slow crowd, MiB"
	FigureBefore    = "memory, before a crowd, MiB"
	FigureCrowd     = "memory, with it, MiB"
	FigureAfter     = "memory, after it, MiB"
	FigureUntilBack = "given back after, s"
	FigureExit      = "SIGTERM to exit, s"
)

// figureNames are they, in the order of the table.
var figureNames = []string{
	FigureSpin, FigureQuietP99, FigureSlowP99, FigureQuiet, FigureSlow,
	FigureBefore, FigureCrowd, FigureAfter, FigureUntilBack, FigureExit,
}

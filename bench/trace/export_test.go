package trace

import (
	"fmt"
	"os"
)

// Refusing is a plan for a machine that forbids ptrace.
func Refusing(p Plan) Plan {
	p.traced = func([]string, []string, [3]*os.File) (process, error) {
		return nil, fmt.Errorf("%w: so says a double", ErrRefused)
	}
	return p
}

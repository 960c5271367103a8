package trace

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"path"
	"strings"
)

// symbols finds the lines of code behind addresses, those of inlined functions included: a small
// function that reads a socket is mostly part of its caller in the machine's eyes.
type symbols struct {
	data  *dwarf.Data
	units map[dwarf.Offset]*unit
	found map[uint64][]Frame
}

// unit is a compilation unit, which is a package.
type unit struct {
	lines *dwarf.LineReader
	files []*dwarf.LineFile
	funcs []function
}

type function struct {
	ranges [][2]uint64
	offset dwarf.Offset
}

func openSymbols(program string) (*symbols, error) {
	file, err := elf.Open(program)
	if err != nil {
		return nil, fmt.Errorf("read the symbols of %s: %w", program, err)
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, fmt.Errorf("read the symbols of %s: %w", program, err)
	}
	return &symbols{data, map[dwarf.Offset]*unit{}, map[uint64][]Frame{}}, nil
}

// at returns the frames of an address, innermost first; none if it is unknown.
func (s *symbols) at(pc uint64) []Frame {
	if frames, ok := s.found[pc]; ok {
		return frames
	}
	frames := s.look(pc)
	s.found[pc] = frames
	return frames
}

func (s *symbols) look(pc uint64) []Frame {
	entry, err := s.data.Reader().SeekPC(pc)
	if err != nil {
		return nil
	}
	u := s.unit(entry)
	if u == nil {
		return nil
	}
	for _, f := range u.funcs {
		if within(f.ranges, pc) {
			return s.frames(u, f.offset, pc)
		}
	}
	return nil
}

// unit reads the unit of an entry, once.
func (s *symbols) unit(entry *dwarf.Entry) *unit {
	if u, ok := s.units[entry.Offset]; ok {
		return u
	}
	s.units[entry.Offset] = nil
	lines, err := s.data.LineReader(entry)
	if err != nil || lines == nil {
		return nil
	}
	u := &unit{lines: lines, files: lines.Files()}
	r := s.data.Reader()
	r.Seek(entry.Offset)
	_, _ = r.Next()
	for {
		e, err := r.Next()
		if err != nil || e == nil || e.Tag == 0 {
			break
		}
		if e.Tag == dwarf.TagSubprogram {
			if ranges, err := s.data.Ranges(e); err == nil && len(ranges) > 0 {
				u.funcs = append(u.funcs, function{ranges, e.Offset})
			}
		}
		r.SkipChildren()
	}
	s.units[entry.Offset] = u
	return u
}

func within(ranges [][2]uint64, pc uint64) bool {
	for _, r := range ranges {
		if r[0] <= pc && pc < r[1] {
			return true
		}
	}
	return false
}

// frames walks down from a function into what is inlined there at pc. The line of each is where it
// calls the next; the innermost one's is that of pc itself.
func (s *symbols) frames(u *unit, function dwarf.Offset, pc uint64) []Frame {
	r := s.data.Reader()
	r.Seek(function)
	outermost, err := r.Next()
	if err != nil || outermost == nil {
		return nil
	}
	chain := []Frame{{Func: s.name(outermost)}}
	for depth := 1; depth > 0; {
		e, err := r.Next()
		if err != nil || e == nil {
			return nil
		}
		if e.Tag == 0 {
			depth--
			continue
		}
		inside := false
		if e.Tag == dwarf.TagInlinedSubroutine || e.Tag == dwarf.TagLexDwarfBlock {
			ranges, err := s.data.Ranges(e)
			inside = err == nil && within(ranges, pc)
		}
		if inside && e.Tag == dwarf.TagInlinedSubroutine {
			caller := &chain[len(chain)-1]
			caller.File, caller.Line = u.file(e.Val(dwarf.AttrCallFile)), number(e.Val(dwarf.AttrCallLine))
			chain = append(chain, Frame{Func: s.name(e)})
		}
		switch {
		case e.Children && inside:
			depth++
		case e.Children:
			r.SkipChildren()
		}
	}
	var line dwarf.LineEntry
	if u.lines.SeekPC(pc, &line) == nil {
		last := &chain[len(chain)-1]
		last.File, last.Line = line.File.Name, line.Line
	}
	for i, j := 0, len(chain)-1; i < j; i, j = i+1, j-1 {
		chain[i], chain[j] = chain[j], chain[i]
	}
	return chain
}

// name returns a function's, which stands at its abstract instance if there is one.
func (s *symbols) name(e *dwarf.Entry) string {
	if name, ok := e.Val(dwarf.AttrName).(string); ok {
		return name
	}
	origin, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
	if !ok {
		return ""
	}
	r := s.data.Reader()
	r.Seek(origin)
	abstract, err := r.Next()
	if err != nil || abstract == nil {
		return ""
	}
	name, _ := abstract.Val(dwarf.AttrName).(string)
	return name
}

func (u *unit) file(index any) string {
	if i := number(index); i >= 0 && i < len(u.files) && u.files[i] != nil {
		return u.files[i].Name
	}
	return ""
}

func number(v any) int {
	n, ok := v.(int64)
	if !ok {
		return -1
	}
	return int(n)
}

// module is the path of this module, with which the names of its packages begin.
const module = "iomodels/"

// tell returns a frame as a trace keeps it, and whether it tells a reader anything: the runtime's
// ways into the kernel are the same for everybody.
func (f Frame) tell() (Frame, bool) {
	for _, p := range []string{
		"runtime.", "runtime/", "internal/runtime/", "syscall.", "golang.org/x/sys/", "iomodels/servers/probe.",
	} {
		if strings.HasPrefix(f.Func, p) {
			return f, false
		}
	}
	name := strings.ReplaceAll(f.Func, "%2e", ".")
	switch dir, ours := strings.CutPrefix(packageOf(name), module); {
	case ours:
		f.File = path.Join(dir, path.Base(f.File))
	case strings.HasPrefix(name, "main."):
		f.File = path.Join("main", path.Base(f.File))
	default:
		f.File = path.Join(packageOf(name), path.Base(f.File))
	}
	f.Func = name
	return f, f.Func != ""
}

// packageOf returns the import path at the head of a function's name.
func packageOf(name string) string {
	slash := strings.LastIndex(strings.SplitN(name, "(", 2)[0], "/") + 1
	dot := strings.Index(name[slash:], ".")
	if dot < 0 {
		return name
	}
	// A dot of the path itself, as in gnet/v2.Engine, is only before the last slash.
	return name[:slash+dot]
}

// sources reads lines of code, where they are found.
type sources map[string][]string

func (s sources) line(f Frame) string {
	lines, ok := s[f.File]
	if !ok {
		if text, err := os.ReadFile(f.File); err == nil {
			lines = strings.Split(string(text), "\n")
		}
		s[f.File] = lines
	}
	if f.Line < 1 || f.Line > len(lines) {
		return ""
	}
	return strings.TrimSpace(lines[f.Line-1])
}

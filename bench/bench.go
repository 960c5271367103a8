// Package bench states the contract of the experiment: what is measured (Matrix, made of
// cells), and what comes out (record.Record, one JSON line per finished cell).
//
// The experiment drives programs, not packages: netserve and netload run as processes of
// their own, so CPU time, garbage and memory are charged to the right side, the process-wide
// settings of a library touch nobody else, and 10,000 + 10,000 descriptors fit the limits.
//
// Read next: record (the data), proc (processes and their counters), stats, chart, report;
// cmd/netbench ties them together.
package bench

package main

import "testing"

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"abc", "", 3},
		{"", "abc", 3},
		{"reactor", "reactor", 0},
		{"raector", "reactor", 1},
		{"reacto", "reactor", 1},
		{"reaktor", "reactor", 1},
		{"proactor", "reactor", 2},
		{"ab", "ba", 1},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d; want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

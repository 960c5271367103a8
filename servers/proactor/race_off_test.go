//go:build !race

package proactor_test

const racing = false

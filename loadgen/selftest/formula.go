package selftest

import (
	"math"
	"slices"
)

// The expected values. Times are in the unit of the arguments.

// exponentialQuantile: an exponential distribution of mean m stays below -m ln(1-q) with
// probability q.
func exponentialQuantile(m, q float64) float64 { return -m * math.Log1p(-q) }

// stallQuantile: the server stands still for S of every T, at utilisation rho. Requests of the
// stall wait for what is left of it, and those after it for the backlog, which melts at 1-rho
// per second. So the share f = S / ((1-rho) T) of the requests waits, evenly spread from S down
// to 0, and the others do not:
//
//	q(p) = S (1 - (1-p) / f)   for p > 1-f, else 0
func stallQuantile(stall, total, rho, p float64) float64 {
	f := stallShare(stall, total, rho)
	return max(stall*(1-(1-p)/f), 0)
}

// stallMean is the mean of the same: f S / 2.
func stallMean(stall, total, rho float64) float64 { return stallShare(stall, total, rho) * stall / 2 }

func stallShare(stall, total, rho float64) float64 { return min(stall/((1-rho)*total), 1) }

// The time in the system of a queue with one server, mean service time 1, utilisation rho.

// mm1Quantile: the time in an M/M/1 system is exponential with mean 1 / (1-rho).
func mm1Quantile(rho, q float64) float64 { return exponentialQuantile(1/(1-rho), q) }

func mm1Mean(rho float64) float64 { return 1 / (1 - rho) }

// md1Mean is Pollaczek and Khinchine's formula for equal service times: 1 + rho / (2 (1-rho)).
func md1Mean(rho float64) float64 { return 1 + rho/(2*(1-rho)) }

// md1Quantile inverts Erlang's distribution of the waiting time in M/D/1, found by bisection:
//
//	P(W <= t) = (1-rho) sum over k = 0..floor(t) of (rho (k-t))^k / k! * exp(-rho (k-t))
//
// Time in the system is W + 1. The terms alternate and grow with t; up to the quantiles wanted
// here they lose less than a millionth.
func md1Quantile(rho, q float64) float64 {
	waits := func(t float64) float64 {
		sum, factorial := 0.0, 1.0
		for k := 0.0; k <= math.Floor(t); k++ {
			if k > 0 {
				factorial *= k
			}
			x := rho * (k - t)
			sum += math.Pow(x, k) / factorial * math.Exp(-x)
		}
		return (1 - rho) * sum
	}
	return 1 + bisect(func(t float64) bool { return waits(t) >= q }, 0, 40)
}

// dm1Sigma solves sigma = exp(-(1-sigma) / rho) for the root below one: the probability that an
// arrival at D/M/1 has to wait.
func dm1Sigma(rho float64) float64 {
	sigma := 0.0
	for range 10_000 {
		sigma = math.Exp(-(1 - sigma) / rho)
	}
	return sigma
}

// The time in a D/M/1 system is exponential with mean 1 / (1-sigma).
func dm1Mean(rho float64) float64        { return 1 / (1 - dm1Sigma(rho)) }
func dm1Quantile(rho, q float64) float64 { return exponentialQuantile(dm1Mean(rho), q) }

// bisect returns where a condition begins to hold.
func bisect(holds func(float64) bool, from, to float64) float64 {
	for range 60 {
		if middle := (from + to) / 2; holds(middle) {
			to = middle
		} else {
			from = middle
		}
	}
	return to
}

// erlangCDF is the distribution of the sum of k exponential times of mean one each:
// 1 - exp(-x) * sum over i < k of x^i / i!.
func erlangCDF(k int, x float64) float64 {
	term, sum := 1.0, 1.0
	for i := 1; i < k; i++ {
		term *= x / float64(i)
		sum += term
	}
	return 1 - math.Exp(-x)*sum
}

// kolmogorov is the largest distance between a sample and a distribution function.
func kolmogorov(sample []float64, cdf func(float64) float64) float64 {
	sorted := slices.Sorted(slices.Values(sample))
	n, d := float64(len(sorted)), 0.0
	for i, x := range sorted {
		f := cdf(x)
		d = max(d, f-float64(i)/n, float64(i+1)/n-f)
	}
	return d
}

// kolmogorovLimit is what a sample of n exceeds in one of a hundred cases: 1.63 / sqrt(n).
func kolmogorovLimit(n int) float64 { return 1.63 / math.Sqrt(float64(n)) }

// meanAndSD are the mean and the standard deviation of a sample.
func meanAndSD(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(max(len(v)-1, 1)))
}

// confidence is half the width of the 95 % interval for the mean: Student's t times the
// standard error.
func confidence(v []float64) float64 {
	_, sd := meanAndSD(v)
	return studentT(len(v)-1) * sd / math.Sqrt(float64(len(v)))
}

// section is half the width of the 95 % interval around a figure of the whole sample, from the
// same figure of its sections. Percentiles of short sections are biased, so their mean is a
// worse centre than the whole is.
func section(parts []float64, whole float64) float64 {
	squares := 0.0
	for _, x := range parts {
		squares += (x - whole) * (x - whole)
	}
	n := float64(len(parts))
	return studentT(len(parts)-1) * math.Sqrt(squares/(n-1)/n)
}

// studentT is the 97.5 % point of Student's distribution, from Cornish and Fisher's expansion
// around the normal one; exact below four degrees of freedom, where the expansion is poor.
func studentT(df int) float64 {
	if df < 1 {
		return math.Inf(1)
	}
	if df < 4 {
		return [...]float64{12.706, 4.303, 3.182}[df-1]
	}
	const z = 1.959964
	n := float64(df)
	g1 := (math.Pow(z, 3) + z) / 4
	g2 := (5*math.Pow(z, 5) + 16*math.Pow(z, 3) + 3*z) / 96
	g3 := (3*math.Pow(z, 7) + 19*math.Pow(z, 5) + 17*math.Pow(z, 3) - 15*z) / 384
	return z + g1/n + g2/(n*n) + g3/(n*n*n)
}

// percentile returns a quantile of a sample (nearest rank).
func percentile(sorted []float64, q float64) float64 {
	rank := int(math.Ceil(q * float64(len(sorted)) * (1 - 1e-14)))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// middle is the median of values in any order.
func middle(xs []float64) float64 { return percentile(slices.Sorted(slices.Values(xs)), 0.5) }

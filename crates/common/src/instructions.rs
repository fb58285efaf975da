//! Which instructions this machine has, of those that inner loops are written for.

/// A set of instructions that inner loops are written for, from the slowest to the fastest of a kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// What every machine has.
    Scalar,
    /// x86-64: AVX2 and FMA.
    Avx2,
    /// x86-64: AVX2, FMA, and AVX-512 (F, BW, VL) with VNNI.
    Vnni,
    /// aarch64: NEON.
    Neon,
}

/// A set of instructions that this machine has. It is made by asking the machine alone, so whoever holds one may run them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions(InstructionSet);

impl Instructions {
    /// What every machine has.
    pub const SCALAR: Self = Self(InstructionSet::Scalar);

    /// The fastest this machine has.
    pub fn best() -> Self {
        let mut best = Self::SCALAR;
        Self::each(|instructions| best = instructions);
        best
    }

    /// All this machine has, slowest first.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        Self::each(|instructions| all.push(instructions));
        all
    }

    /// Which set it is.
    #[inline]
    pub fn set(self) -> InstructionSet {
        self.0
    }

    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self.0 {
            InstructionSet::Scalar => "scalar",
            InstructionSet::Avx2 => "AVX2",
            InstructionSet::Vnni => "AVX-512 VNNI",
            InstructionSet::Neon => "NEON",
        }
    }

    fn each(mut meet: impl FnMut(Self)) {
        meet(Self::SCALAR);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            meet(Self(InstructionSet::Avx2));
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                meet(Self(InstructionSet::Vnni));
            }
        }
        #[cfg(target_arch = "aarch64")]
        meet(Self(InstructionSet::Neon));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_the_last_of_all_and_every_machine_has_the_first() {
        let all = Instructions::all();
        assert_eq!(all.last(), Some(&Instructions::best()));
        assert_eq!(all.first(), Some(&Instructions::SCALAR));
    }
}

//! Which of a bundle's precisions this machine computes right, and which it is fastest with.

use std::{fmt, str::FromStr};

use tch::Device;

use crate::{embedding::EmbedderError, precision::Precision};
use lookalike_int7 as executor;
use lookalike_libtorch as libtorch;

impl Precision {
    /// Those that this machine's CPU computes right: libtorch's int8 adds pairs of products up in 16 bits where the CPU
    /// has no VNNI, and they overflow.
    pub fn right_here() -> Vec<Self> {
        let int8 = has_int8();
        Self::ALL.into_iter().filter(|p| int8 || *p != Self::Int8).collect()
    }
}

/// Which precision was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// The fastest that the bundle holds and the device has instructions for.
    #[default]
    Auto,
    /// This one.
    This(Precision),
}

impl FromStr for PrecisionChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Precision::ALL.into_iter().find(|p| p.name() == text).map(Self::This);
        let named = named.or((text == "auto").then_some(Self::Auto));
        named.ok_or_else(|| format!("'{text}' is no precision: auto, f32, bf16, f16, int7 and int8 are"))
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::This(precision) => precision.fmt(f),
        }
    }
}

impl PrecisionChoice {
    /// Picks from what a bundle holds.
    ///
    /// # Errors
    /// [`EmbedderError::Precision`] where the one asked for is not held, or does not run on the device.
    pub fn pick(self, held: &[Precision], device: Device) -> Result<Precision, EmbedderError> {
        match self {
            Self::Auto => {
                let fit = fastest_first(device).into_iter().find(|p| held.contains(p));
                Ok(fit.unwrap_or_default())
            }
            Self::This(asked) => {
                let refuse = |reason: String| Err(EmbedderError::Precision { asked, reason });
                if !held.contains(&asked) {
                    let held: Vec<&str> = held.iter().map(|p| p.name()).collect();
                    return refuse(format!(
                        "the bundle holds {} alone; export it with --data",
                        held.join(", ")
                    ));
                }
                if asked.is_quantised() && device != Device::Cpu {
                    return refuse("it runs on the CPU alone; f16 is the GPU's".into());
                }
                if !Precision::right_here().contains(&asked) {
                    return refuse(
                        "without VNNI this CPU's products of bytes overflow, and embeddings stray; int7 is made for it".into(),
                    );
                }
                Ok(asked)
            }
        }
    }
}

/// What the device gains by, best first; f32 runs everywhere.
fn fastest_first(device: Device) -> Vec<Precision> {
    if device == Device::Cpu { Cpu::this().fastest_first() } else { GPU.to_vec() }
}

const GPU: [Precision; 3] = [Precision::F16, Precision::Bf16, Precision::F32];

/// The instructions of a CPU that decide which precision is fastest.
#[derive(Clone, Copy, Debug, Default)]
struct Cpu {
    /// Our own executor has a kernel for it.
    int7: bool,
    /// VNNI: products of bytes, added up in 32 bits.
    int8: bool,
    /// AVX-512 BF16.
    bf16: bool,
    /// AMX: matrix products of bytes, and of bf16. libtorch uses them, our executor does not.
    amx: bool,
}

impl Cpu {
    fn this() -> Self {
        Self {
            int7: executor::has_fast_kernel(),
            int8: has_int8(),
            bf16: libtorch::has_bf16(Device::Cpu),
            amx: has_amx_int8(),
        }
    }

    /// Measured at full width: with AMX libtorch's int8 takes half of int7's time, elsewhere int7 is ahead.
    fn fastest_first(self) -> Vec<Precision> {
        use Precision::{Bf16, F32, Int7, Int8};
        let order = if self.amx { [Int8, Bf16, Int7, F32] } else { [Int7, Int8, Bf16, F32] };
        let runs_fast = |precision: &Precision| match precision {
            Int7 => self.int7,
            Int8 => self.int8,
            Bf16 => self.bf16,
            _ => true,
        };
        order.into_iter().filter(runs_fast).collect()
    }
}

/// Whether this CPU has matrix products of bytes (`amx_int8`), and the system saves their registers.
fn has_amx_int8() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
        #[target_feature(enable = "xsave")]
        fn saved_registers() -> u64 {
            // SAFETY: register 0 is there wherever xsave is.
            unsafe { _xgetbv(0) }
        }
        const OSXSAVE: u32 = 1 << 27;
        const AMX_TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
        const TILES: u64 = 0b11 << 17;
        let has_leaf = __cpuid(0).eax >= 7 && __cpuid(1).ecx & OSXSAVE != 0;
        let has_amx = has_leaf && __cpuid_count(7, 0).edx & AMX_TILE_AND_INT8 == AMX_TILE_AND_INT8;
        // SAFETY: the feature was asked for.
        has_amx && is_x86_feature_detected!("xsave") && unsafe { saved_registers() } & TILES == TILES
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether this CPU multiplies bytes by instructions of their own.
fn has_int8() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for precision in Precision::ALL {
            assert_eq!(precision.name().parse(), Ok(PrecisionChoice::This(precision)));
        }
        assert_eq!("auto".parse(), Ok(PrecisionChoice::Auto));
        for bad in ["", "F32", "fp16", "int4", "auto "] {
            assert!(bad.parse::<PrecisionChoice>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn amx_puts_what_libtorch_does_with_it_first() {
        use Precision::{Bf16, F32, Int7, Int8};
        let order = |cpu: Cpu| cpu.fastest_first();
        let vnni = Cpu { int7: true, int8: true, bf16: true, amx: false };
        assert_eq!(order(Cpu { amx: true, ..vnni }), [Int8, Bf16, Int7, F32]);
        assert_eq!(order(vnni), [Int7, Int8, Bf16, F32]);
        assert_eq!(order(Cpu { int7: true, ..Cpu::default() }), [Int7, F32]);
        assert_eq!(order(Cpu::default()), [F32]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_cpu_has_amx_where_the_system_says_so() {
        let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        assert_eq!(Cpu::this().amx, flags.split_whitespace().any(|flag| flag == "amx_int8"));
    }

    #[test]
    fn what_is_not_held_or_does_not_run_is_refused() {
        let held = [Precision::F32, Precision::Int7, Precision::Int8];
        let pick = |choice: &str, device| choice.parse::<PrecisionChoice>().unwrap().pick(&held, device);
        assert!(matches!(pick("int7", Device::Cpu), Ok(Precision::Int7)));
        let first = Cpu::this().fastest_first().into_iter().find(|precision| held.contains(precision));
        assert_eq!(pick("auto", Device::Cpu).ok(), first);
        let vnni = Precision::right_here().contains(&Precision::Int8);
        match pick("int8", Device::Cpu) {
            Ok(precision) => assert!(vnni && precision == Precision::Int8),
            Err(e) => assert!(!vnni && e.to_string().contains("int7"), "{e}"),
        }
        assert!(matches!(pick("int7", Device::Cuda(0)), Err(EmbedderError::Precision { .. })));
        assert!(matches!(pick("auto", Device::Cuda(0)), Ok(Precision::F32)));
        assert!(matches!(pick("int8", Device::Cuda(0)), Err(EmbedderError::Precision { .. })));
        let refused = pick("bf16", Device::Cpu).unwrap_err().to_string();
        assert!(refused.contains("f32, int7, int8"), "{refused}");
        assert_eq!(PrecisionChoice::Auto.pick(&[Precision::F32], Device::Cpu).unwrap(), Precision::F32);
    }
}

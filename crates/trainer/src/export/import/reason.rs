//! What libtorch's errors mean to whoever traced a model.

/// Words of an error, any of which tell it, and what is wrong with the model. `SIZE` is the side it was tried at.
const REASONS: [(&[&str], &str); 13] = [
    (
        &["failed locating file constants.pkl"],
        "these are weights or a pickled module, as torch.save writes them, and no network that runs: \
         torch.jit.trace(model.eval(), photos).save(FILE) makes one",
    ),
    (
        &["failed reading zip archive", "failed reading file", "file read failed"],
        "not a TorchScript model, or one that is cut off or damaged",
    ),
    (
        &["Unknown builtin op", "Unknown type name", "Could not find any similar ops"],
        "it calls an operator that libtorch does not have: one of torchvision's own (nms, roi_align) or of another package, or of a \
         newer PyTorch; trace the network without it",
    ),
    (
        &["Arguments for call are not valid", "not compatible with the declaration"],
        "it calls an operator as another version of PyTorch has it: trace it with the version of this libtorch",
    ),
    (&["Half"], "it takes f16: trace it in f32, model.float()"),
    (&["BFloat16"], "it takes bf16: trace it in f32, model.float()"),
    (&["Double"], "it takes f64: trace it in f32, model.float()"),
    (
        &["CUDA", "cuda", "MPS", "mps:0", "XPU"],
        "a device stands in the trace: trace it on the CPU, model.cpu() and photos.cpu()",
    ),
    (
        &["more than 1 value per channel when training"],
        "it was traced in train mode: call model.eval() before the trace",
    ),
    (
        &[
            "shapes cannot be multiplied",
            "is invalid for input of size",
            "must match the size of tensor",
            "output size is too small",
            "can't be greater than actual input size",
        ],
        "it does not take photos of SIZE × SIZE pixels: say --size",
    ),
    (
        &["Given groups=", "channels, but got"],
        "it does not take [N, 3, SIZE, SIZE]: photos are RGB, the channels before the rows",
    ),
    (
        &[
            "forward() is missing value",
            "Expected a value of type",
            "takes something besides",
            "expected at most",
            "Method 'forward'",
        ],
        "its forward must take the photos alone, one tensor [N, 3, SIZE, SIZE]",
    ),
    (
        &["neither a tensor nor a tuple", "Expected Tensor but got", "gave a tensor of shape"],
        "its forward must give [N, D], or a tuple ([N, D], [N, C], [N, K])",
    ),
];

/// What a known error means. `alone`: the model takes one photo and not two.
pub(super) fn of(said: &str, alone: bool) -> Option<&'static str> {
    if alone {
        return Some(
            "the trace is of one photo alone: trace it with two or more, and take the number of photos from the input",
        );
    }
    // Names of types stand in other errors too.
    let typed = ["type", "dtype", "scalar"].iter().any(|word| said.contains(word));
    let known = REASONS.iter().find(|(words, _)| {
        words
            .iter()
            .any(|word| said.contains(word) && (typed || !["Half", "BFloat16", "Double"].contains(word)))
    });
    known.map(|(_, reason)| *reason)
}

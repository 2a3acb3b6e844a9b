//! Compiles the remote-call transport of examples/rpc, and its own soak, into this program.

const FILES: [&str; 4] = ["connection.c", "soak.c", "spawn.c", "wire.c"];

fn main() {
    let folder = "../../examples/rpc";
    println!("cargo::rerun-if-changed={folder}");
    println!("cargo::rerun-if-changed=../../include");
    cc::Build::new()
        .std("c11")
        .opt_level(2)
        .warnings(true)
        .include("../../include")
        // this program has a main of its own
        .define("main", "rpc_soak_main")
        .files(FILES.map(|file| format!("{folder}/{file}")))
        .compile("rpc_soak");
}

"""What `--help` of each command ends with."""

COMPILE_EXAMPLES = """\
example:
  archdsl compile specs/wrn.arch --set depth=40 --set k=4
  writes generated/wrn_depth40_k4/model.py, train.py, data.py and checkpoint.py"""
PARAMS_EXAMPLES = """\
examples:
  archdsl params specs/resnet.arch --set depth=18
  archdsl params specs/resnet.arch --by layer --format csv
  archdsl params specs/resnet.arch --tensors --format json
  archdsl params specs/wrn.arch --symbolic depth,k --by part
  archdsl params specs/mnist_grown.arch --phase 1 --by layer
  archdsl params specs/resnet.arch --columns activations,memory,receptive --batch 64
  archdsl params specs/resnet.arch --precision bfloat16 --device h100"""
SWEEP_EXAMPLES = """\
examples:
  archdsl sweep specs/wrn.arch --set depth=16..40:6 --set k=1..12 --where "parameters < 20e6"
  archdsl sweep specs/resnet.arch --set "depth=[18, 34, 50]" --sort macs --format csv
  archdsl sweep specs/wrn.arch --set depth=16..40:6 --set "k=[4, 8]" --plot wrn.svg"""
FIT_EXAMPLES = """\
examples:
  archdsl fit specs/wrn.arch --match specs/share_wrn.arch --vary depth
  archdsl fit specs/wrn.arch --parameters 5.85e6 --vary depth,k --within 1
  archdsl fit specs/resnet.arch --macs 4e9 --vary "depth=[34, 50]" --vary image=128..256:32"""
TABLE_EXAMPLES = """\
examples:
  archdsl table specs/wrn.arch
  archdsl table specs/resnet.arch --set depth=18,34,50,101,152
  archdsl table specs/wrn.arch --symbolic depth,k --format latex > table1.tex"""
DEPLOY_EXAMPLES = """\
examples:
  archdsl deploy specs/digits.arch runs/digits/checkpoint.pt --out deployed
  writes deployed/digits/model.py and weights.safetensors
  archdsl deploy specs/mnist_grown.arch phase1.pt --phase 1 --out deployed
  writes deployed/mnist_grown_width8/"""
INSPECT_EXAMPLES = """\
examples:
  archdsl inspect specs/digits.arch runs/digits/checkpoint.pt
  archdsl inspect specs/digits.arch before.pt after.pt --layer 'stem.*' --plot stem.svg"""
MATCH_EXAMPLES = """\
examples:
  archdsl match specs/resnet.arch resnet50.pth
  archdsl match specs/densenet.arch densenet121.safetensors --map names.json
  archdsl match specs/vgg.arch keys.txt --set depth=19"""
DIFF_EXAMPLES = """\
examples:
  archdsl diff specs/resnet.arch specs/sharesnet.arch
  archdsl diff specs/wrn.arch --set-new k=12 --by block
  archdsl diff HEAD~1:specs/wrn.arch specs/wrn.arch --exit-code"""
CHECK_EXAMPLES = """\
examples:
  archdsl check specs/*.arch
  archdsl check specs/*.arch --format github     in a workflow of GitHub Actions
  archdsl check specs/*.arch --format sarif > archdsl.sarif"""
FMT_EXAMPLES = """\
examples:
  archdsl fmt specs/*.arch
  archdsl fmt --check specs/*.arch"""
REPORT_EXAMPLES = """\
examples:
  archdsl report runs/wrn_depth16_k4 --published 5.37 --plot curves.svg
  archdsl report runs/* --published published.csv --format markdown
  archdsl report runs/wrn_depth16_k4 --responses --plot layers.svg"""
EXPLAIN_EXAMPLES = """\
examples:
  archdsl explain E201
  archdsl explain        lists all"""
SHELL_EXAMPLES = """\
examples:
  eval "$(archdsl completion bash)"     in ~/.bashrc
  eval "$(archdsl completion zsh)"      in ~/.zshrc, behind compinit
  archdsl completion fish | source      in ~/.config/fish/config.fish"""
